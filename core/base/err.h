/* err.h - what went wrong, written where it happened, logged once on top. */
#ifndef DG_BASE_ERR_H
#define DG_BASE_ERR_H

#include "base/status.h"
#include "base/str.h"

#define ERR_CODE_MAX 32
#define ERR_TEXT_MAX 512

struct err {
    enum status st;
    char code[ERR_CODE_MAX]; /* stable short word for clients */
    char text[ERR_TEXT_MAX]; /* one line: what happened, what to do */
    unsigned again_s;        /* when to try again, if known; else 0 */
    struct str extra;        /* further JSON members of the error answer, as
                                `"a":1,"b":[2]`, in the request's arena; empty
                                for none */
};

#define ERR_NONE ((struct err){.st = ST_OK})

enum status err_set(struct err *e, enum status st, const char *code,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/*
    Fills *e (the first cause stays: the deepest layer calls this first, upper
    layers only return) and returns st, so that `return err_set(...)` is the
    idiom. code NULL means status_name(st). Never allocates; errno is kept.
    e may be NULL: then only st is returned.
 */

enum status err_add(struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/*
    Puts "what was tried: " before the text and returns e->st.
 */

void err_clear(struct err *e);

#endif

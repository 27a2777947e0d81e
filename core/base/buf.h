/* buf.h - bytes that grow up to a stated maximum; the error sticks. */
#ifndef DG_BASE_BUF_H
#define DG_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include "base/str.h"

/*
 * Append freely, ask once at the end: buf_ok() is false when the maximum was
 * hit, and nothing is appended after that. Memory comes from malloc and is
 * freed by buf_free(); a buf on the stack is initialised by buf_init().
 */
struct buf {
    char *p;
    size_t n, cap, max;
    bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_free(struct buf *b);
void buf_reset(struct buf *b);
/*
    Empty again, the error cleared, the memory kept.
 */

bool buf_ok(const struct buf *b);
struct str buf_str(const struct buf *b);

void buf_put(struct buf *b, struct str s);
void buf_putz(struct buf *b, const char *z);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

char *buf_room(struct buf *b, size_t n);
/*
    At least n writable bytes at the end, not yet counted; NULL (and failed)
    over the maximum. buf_grown() counts what was written there.
 */
void buf_grown(struct buf *b, size_t n);

#endif

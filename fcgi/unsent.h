/*
 * unsent.h - bytes of an answer that its client has not taken yet.
 *
 * They lie in a file without a name, in the order in which they are to be sent,
 * and end with whoever holds it open last. A client may be as slow as it likes:
 * it costs disk, and nobody's time.
 */
#ifndef DG_FCGI_UNSENT_H
#define DG_FCGI_UNSENT_H

#include <stdint.h>
#include <sys/uio.h>
#include "base/err.h"

struct unsent {
    const char *folder; /* where the file is made; must outlive it */
    int fd;             /* -1: nothing had to be kept yet */
    int64_t at, end;    /* the part of the file that is still to be sent */
};

void unsent_open(struct unsent *u, const char *folder);
void unsent_close(struct unsent *u);

int64_t unsent_size(const struct unsent *u);

enum status unsent_keep(struct unsent *u, const struct iovec *part, size_t n,
                        struct err *err) MUST_CHECK;
/*
    Appends the parts. ST_UNAVAILABLE: there is no room for them (what the file
    system keeps in reserve for the stores counts as none); then none of them
    is kept.
 */

enum push { PUSH_ALL, PUSH_WAITS, PUSH_GONE, PUSH_LOST };
enum push unsent_push(struct unsent *u, int conn);
/*
    Sends what the connection takes at once, some hundred KB at most, so that
    others have their turn. PUSH_WAITS: there is more. PUSH_GONE: the other side
    hung up. PUSH_LOST: the file cannot be read.
 */

#endif

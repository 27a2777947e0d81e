/* listen.h - the sockets that the master holds open for its workers. */
#ifndef DG_FCGI_LISTEN_H
#define DG_FCGI_LISTEN_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"

struct listener {
    int fd;              /* non-blocking, close-on-exec; -1: none */
    bool own;            /* made here, not inherited */
    char path[PATH_MAX]; /* of an own one */
    dev_t dev;
    ino_t ino;
};

enum status listen_inherited(struct listener *out, bool *found,
                             struct err *err) MUST_CHECK;
/*
    The socket that systemd hands over (LISTEN_FDS=1, descriptor 3) or that is
    descriptor 0, as FastCGI's own process managers do. found is false, with
    ST_OK, when there is neither. Descriptor 0 is /dev/null after that.
    ST_BAD_REQUEST: what was handed over is no listening stream socket.
 */

enum status listen_unix(const char *path, mode_t mode, int backlog,
                        struct listener *out, struct err *err) MUST_CHECK;
/*
    Makes the socket with that access mode. A socket left by a
    dead process is replaced; ST_UNAVAILABLE (address_in_use) when somebody
    answers there, or when something else than a socket is there.
 */

void listen_unlink(const struct listener *l);
/*
    Takes an own socket's name away, if it still names this one: nobody new
    connects, those who have are still served.
 */
void listen_close(struct listener *l);

#endif

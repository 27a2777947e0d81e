#include "fcgi/unsent.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fault.h"
#include "store/disk.h"

#define PIECE ((size_t)64 * 1024)
#define PIECES_A_TURN 8

void unsent_open(struct unsent *u, const char *folder)
{
    *u = (struct unsent){.folder = folder, .fd = -1};
}

void unsent_close(struct unsent *u)
{
    if (u->fd >= 0)
        close(u->fd);
    unsent_open(u, u->folder);
}

int64_t unsent_size(const struct unsent *u)
{
    return u->end - u->at;
}

static enum status no_room(struct unsent *u, struct err *err)
{
    return err_set(err, ST_UNAVAILABLE, "no_room_for_unsent",
                   "what a slow client has not taken cannot be kept in %s: %m",
                   u->folder);
}

static enum status file_ready(struct unsent *u, struct err *err)
{
    if (u->fd < 0)
        u->fd = open(u->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (u->fd < 0)
        return no_room(u, err);
    if (fault_point("unsent.keep") || disk_lacks(u->fd) > 0) {
        errno = ENOSPC;
        return no_room(u, err);
    }
    return ST_OK;
}

enum status unsent_keep(struct unsent *u, const struct iovec *part, size_t n,
                        struct err *err)
{
    int64_t end = u->end;
    enum status st = file_ready(u, err);

    for (size_t i = 0; st == ST_OK && i < n; i++) {
        const char *p = part[i].iov_base;
        size_t left = part[i].iov_len;

        while (st == ST_OK && left) {
            ssize_t w = pwrite(u->fd, p, left, (off_t)end);

            if (w < 0 && errno == EINTR)
                continue;
            if (w == 0)
                errno = ENOSPC;
            if (w <= 0) {
                st = no_room(u, err);
                break;
            }
            p += w;
            left -= (size_t)w;
            end += w;
        }
    }
    if (st == ST_OK)
        u->end = end;
    return st;
}

/* All of it was sent: its blocks are given back at once. A failure leaves them
 * to the end of the file, and is no harm. */
static enum push emptied(struct unsent *u)
{
    if (u->end && ftruncate(u->fd, 0) == 0)
        u->at = u->end = 0;
    return PUSH_ALL;
}

enum push unsent_push(struct unsent *u, int conn)
{
    char piece[PIECE];

    for (int i = 0; unsent_size(u) && i < PIECES_A_TURN; i++) {
        int64_t left = unsent_size(u);
        size_t size =
            left < (int64_t)sizeof piece ? (size_t)left : sizeof piece;
        ssize_t n = pread(u->fd, piece, size, (off_t)u->at), sent;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return PUSH_LOST;
        sent = send(conn, piece, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN ? PUSH_WAITS : PUSH_GONE;
        u->at += sent;
    }
    return unsent_size(u) ? PUSH_WAITS : emptied(u);
}

#include "fcgi/handover.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/log.h"

#define GIVE_MS 1000
#define FDS 2 /* the connection, the file */

/* What goes through the channel beside the descriptors. */
struct message {
    int64_t at, end;
    bool keep;
    char request_id[SCOREBOARD_ID_MAX];
};

/* Aligned as a header of control data must be. */
union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(FDS * sizeof(int))];
};

enum status handover_open(struct handover_channel *out, struct err *err)
{
    int fd[2];

    *out = (struct handover_channel){-1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) != 0)
        return err_set(err, ST_UNAVAILABLE, "no_channel",
                       "no channel between the processes: %m");
    *out = (struct handover_channel){.give = fd[0], .take = fd[1]};
    return ST_OK;
}

void handover_close(struct handover_channel *c)
{
    if (c->give >= 0)
        close(c->give);
    if (c->take >= 0)
        close(c->take);
    *c = (struct handover_channel){-1, -1};
}

/* With these descriptors, which stay the sender's own as well. Never waits. */
static bool message_send(int channel, void *text, size_t size, const int *fd,
                         size_t n)
{
    struct iovec part = {text, size};
    union control control = {0};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = CMSG_SPACE(n * sizeof *fd)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&m);
    ssize_t sent;

    assert(n <= FDS);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(n * sizeof *fd);
    memcpy(CMSG_DATA(head), fd, n * sizeof *fd);
    do
        sent = sendmsg(channel, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

/* How many descriptors came, in fd[]. */
static size_t fds_of(struct msghdr *m, int fd[FDS])
{
    struct cmsghdr *head = CMSG_FIRSTHDR(m);
    size_t n;

    if (!head || head->cmsg_level != SOL_SOCKET ||
        head->cmsg_type != SCM_RIGHTS)
        return 0;
    n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    assert(n <= FDS);
    memcpy(fd, CMSG_DATA(head), n * sizeof(int));
    return n;
}

/* The next one; false: there is none. *n: how many descriptors this process had
 * room for; the kernel has let go of the others. Never waits. */
static bool message_take(int channel, void *text, size_t size, int fd[FDS],
                         size_t *n)
{
    struct iovec part = {text, size};
    union control control;
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    ssize_t got;

    do
        got = recvmsg(channel, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return false;
    assert((size_t)got == size); /* only our own processes have the channel */
    *n = fds_of(&m, fd);
    return true;
}

/* ---- answers' rests ---- */

enum status handover_give(const struct handover_channel *c,
                          const struct handover *h, struct err *err)
{
    struct message text = {
        .at = h->rest.at, .end = h->rest.end, .keep = h->keep};
    const int fd[FDS] = {h->conn, h->rest.fd};
    struct pollfd room = {.fd = c->give, .events = POLLOUT};

    snprintf(text.request_id, sizeof text.request_id, "%s", h->request_id);
    if (message_send(c->give, &text, sizeof text, fd, FDS) ||
        (errno == EAGAIN && poll(&room, 1, GIVE_MS) > 0 &&
         message_send(c->give, &text, sizeof text, fd, FDS)))
        return ST_OK;
    return err_set(err, ST_UNAVAILABLE, "not_handed_over",
                   "the sender does not take an answer's rest: %m");
}

/* False: this process has no room for the descriptors. */
static bool understood(const struct message *text, const int fd[FDS], size_t n,
                       struct handover *out)
{
    if (n < FDS) {
        while (n)
            close(fd[--n]);
        log_request(str_of(text->request_id));
        log_line(LOG_ERROR, "answer_cut",
                 "text=\"the sender has no descriptor left for its rest\"");
        log_request(STR_NONE);
        return false;
    }
    *out = (struct handover){
        .conn = fd[0],
        .keep = text->keep,
        .rest = {.folder = "", .fd = fd[1], .at = text->at, .end = text->end}};
    snprintf(out->request_id, sizeof out->request_id, "%s", text->request_id);
    return true;
}

bool handover_take(const struct handover_channel *c, struct handover *out)
{
    struct message text;
    int fd[FDS];
    size_t n;

    while (message_take(c->take, &text, sizeof text, fd, &n))
        if (understood(&text, fd, n, out))
            return true;
    return false;
}

/* ---- kept connections ---- */

bool handover_give_conn(const struct handover_channel *c, int conn)
{
    char byte = 0;

    return c->give >= 0 && message_send(c->give, &byte, sizeof byte, &conn, 1);
}

int handover_take_conn(const struct handover_channel *c)
{
    char byte;
    int fd[FDS];
    size_t n;

    while (message_take(c->take, &byte, sizeof byte, fd, &n)) {
        if (n == 1)
            return fd[0];
        log_line(LOG_ERROR, "connection_lost",
                 "text=\"no descriptor left for a kept connection\"");
    }
    return -1;
}

void handover_shut(const struct handover_channel *c)
{
    (void)shutdown(c->give, SHUT_WR);
}

bool handover_is_shut(const struct handover_channel *c)
{
    struct pollfd p = {.fd = c->take, .events = POLLRDHUP};

    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP));
}

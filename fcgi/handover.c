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

static bool sent(int channel, const struct msghdr *m)
{
    ssize_t n;

    do
        n = sendmsg(channel, m, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n >= 0;
}

enum status handover_give(const struct handover_channel *c,
                          const struct handover *h, struct err *err)
{
    struct message text = {
        .at = h->rest.at, .end = h->rest.end, .keep = h->keep};
    struct iovec part = {&text, sizeof text};
    union control control = {0};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&m);
    const int fd[FDS] = {h->conn, h->rest.fd};
    struct pollfd room = {.fd = c->give, .events = POLLOUT};

    snprintf(text.request_id, sizeof text.request_id, "%s", h->request_id);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), fd, sizeof fd);
    if (sent(c->give, &m) ||
        (errno == EAGAIN && poll(&room, 1, GIVE_MS) > 0 && sent(c->give, &m)))
        return ST_OK;
    return err_set(err, ST_UNAVAILABLE, "not_handed_over",
                   "the sender does not take an answer's rest: %m");
}

/* How many of them came, in fd[]. */
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

/* False: this process has no room for the descriptors, and the kernel has let
 * go of what did not fit. */
static bool understood(struct msghdr *m, const struct message *text,
                       struct handover *out)
{
    int fd[FDS];
    size_t n = fds_of(m, fd);

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
    for (;;) {
        struct message text;
        struct iovec part = {&text, sizeof text};
        union control control;
        struct msghdr m = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof control};
        ssize_t n = recvmsg(c->take, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        assert(n == sizeof text); /* only our own processes have the channel */
        if (understood(&m, &text, out))
            return true;
    }
}

/* ---- kept connections ---- */

bool handover_give_conn(const struct handover_channel *c, int conn)
{
    char byte = 0;
    struct iovec part = {&byte, 1};
    union control control = {0};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = CMSG_SPACE(sizeof conn)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&m);

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof conn);
    memcpy(CMSG_DATA(head), &conn, sizeof conn);
    return c->give >= 0 && sent(c->give, &m);
}

int handover_take_conn(const struct handover_channel *c)
{
    for (;;) {
        char byte;
        int fd[FDS];
        struct iovec part = {&byte, 1};
        union control control;
        struct msghdr m = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof control};
        ssize_t n = recvmsg(c->take, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        if (fds_of(&m, fd) == 1)
            return fd[0];
        log_line(LOG_ERROR, "connection_lost",
                 "text=\"no descriptor left for a kept connection\"");
    }
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

#include "fcgi/request_out.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"

#define VERSION 1
#define TYPE_END_REQUEST 3
#define TYPE_STDOUT 6
#define HEADER_SIZE 8
#define END_SIZE 8 /* application status 0, request complete, reserved */

/* Content of a record: a multiple of 8 needs no padding. */
#define RECORD_MAX ((size_t)65528)
#define PARTS_MAX 64
/* In all, for an answer whose rest cannot be kept: it is not the client's fault
 * that our disk is full, but a worker's time is everybody's. */
#define PATIENCE_MS 2000

struct header {
    unsigned char byte[HEADER_SIZE];
};

static struct header header(const struct request_out *o, int type, size_t n)
{
    assert(n <= UINT16_MAX && o->id <= UINT16_MAX);
    return (struct header){{VERSION, (unsigned char)type,
                            (unsigned char)(o->id >> 8), (unsigned char)o->id,
                            (unsigned char)(n >> 8), (unsigned char)n}};
}

/* What was sent leaves the front of the list. */
static void advance(struct msghdr *m, size_t sent)
{
    while (m->msg_iovlen && sent >= m->msg_iov->iov_len) {
        sent -= m->msg_iov->iov_len;
        m->msg_iov++;
        m->msg_iovlen--;
    }
    if (m->msg_iovlen) {
        m->msg_iov->iov_base = (char *)m->msg_iov->iov_base + sent;
        m->msg_iov->iov_len -= sent;
    }
}

/* False: it takes nothing now. */
static bool send_now(struct request_out *o, struct msghdr *m)
{
    bool waits = !o->rest.folder;
    ssize_t sent = sendmsg(o->fd, m, MSG_NOSIGNAL | (waits ? 0 : MSG_DONTWAIT));

    if (sent >= 0)
        advance(m, (size_t)sent);
    else if (errno == EAGAIN && !waits)
        return false;
    else if (errno != EINTR) /* EAGAIN: the time limit */
        o->gone = true;
    return true;
}

static void push_rest(struct request_out *o)
{
    enum push pushed;

    if (!unsent_size(&o->rest))
        return;
    pushed = unsent_push(&o->rest, o->fd);
    o->gone = o->gone || pushed == PUSH_GONE || pushed == PUSH_LOST;
    gauge_set(GAUGE_unsent_bytes, unsent_size(&o->rest));
}

/* There is no room for what it does not take: whether it takes something in the
 * time that is left for that. */
static bool client_takes(struct request_out *o)
{
    struct pollfd p = {.fd = o->fd, .events = POLLOUT};
    int64_t began = clock_mono_ms();
    int n = poll(&p, 1, (int)o->patience_ms);

    o->patience_ms -= clock_mono_ms() - began;
    if (o->patience_ms < 0)
        o->patience_ms = 0;
    return n > 0;
}

static void keep_parts(struct request_out *o, struct msghdr *m)
{
    struct err err = ERR_NONE;

    if (unsent_keep(&o->rest, m->msg_iov, m->msg_iovlen, &err) == ST_OK) {
        m->msg_iovlen = 0;
        gauge_set(GAUGE_unsent_bytes, unsent_size(&o->rest));
    } else if (client_takes(o)) {
        push_rest(o);
    } else {
        log_err(LOG_WARN, "answer_cut", &err);
        stat_add(STAT_answers_cut, 1);
        o->gone = true;
    }
}

static void send_parts(struct request_out *o, struct iovec *part, size_t n)
{
    struct msghdr m = {.msg_iov = part, .msg_iovlen = n};

    push_rest(o);
    while (!o->gone && m.msg_iovlen)
        if (unsent_size(&o->rest) || !send_now(o, &m))
            keep_parts(o, &m);
}

static size_t add(struct iovec *part, size_t n, const void *p, size_t size)
{
    part[n] = (struct iovec){(void *)(uintptr_t)p, size};
    return n + 1;
}

/* What is held goes first, as a record of its own. */
static size_t add_held(struct request_out *o, struct header *h,
                       struct iovec *part)
{
    size_t n = 0;

    if (!o->n)
        return 0;
    *h = header(o, TYPE_STDOUT, o->n);
    n = add(part, n, h, sizeof *h);
    n = add(part, n, o->held, o->n);
    o->n = 0;
    return n;
}

static void send_large(struct request_out *o, struct str bytes)
{
    while (bytes.n && !o->gone) {
        struct header h[PARTS_MAX / 2];
        struct iovec part[PARTS_MAX];
        size_t n = add_held(o, &h[0], part);

        while (bytes.n && n < PARTS_MAX) {
            size_t size = bytes.n < RECORD_MAX ? bytes.n : RECORD_MAX;

            h[n / 2] = header(o, TYPE_STDOUT, size);
            n = add(part, n, &h[n / 2], sizeof *h);
            n = add(part, n, bytes.p, size);
            bytes = (struct str){bytes.p + size, bytes.n - size};
        }
        send_parts(o, part, n);
    }
}

void request_out_open(struct request_out *o, const char *folder)
{
    *o = (struct request_out){.fd = -1};
    unsent_open(&o->rest, folder);
}

void request_out_begin(struct request_out *o, int fd, unsigned id)
{
    assert(o->rest.fd < 0);
    o->fd = fd;
    o->id = id;
    o->n = 0;
    o->gone = false;
    o->patience_ms = PATIENCE_MS;
}

bool request_out_write(struct request_out *o, struct str bytes)
{
    if (bytes.n > REQUEST_OUT_ROOM - o->n) {
        send_large(o, bytes);
    } else if (bytes.n) {
        memcpy(o->held + o->n, bytes.p, bytes.n);
        o->n += bytes.n;
    }
    return !o->gone;
}

bool request_out_end(struct request_out *o)
{
    static const unsigned char complete[END_SIZE] = {0};
    struct header held, end = header(o, TYPE_END_REQUEST, END_SIZE);
    struct header end_of_answer = header(o, TYPE_STDOUT, 0);
    struct iovec part[5];
    size_t n = add_held(o, &held, part);

    n = add(part, n, &end_of_answer, sizeof end_of_answer);
    n = add(part, n, &end, sizeof end);
    n = add(part, n, complete, sizeof complete);
    send_parts(o, part, n);
    return !o->gone;
}

void request_out_done(struct request_out *o)
{
    if (o->rest.fd < 0)
        return;
    unsent_close(&o->rest);
    gauge_set(GAUGE_unsent_bytes, 0);
}

#include "fcgi/request_out.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define VERSION 1
#define TYPE_END_REQUEST 3
#define TYPE_STDOUT 6
#define HEADER_SIZE 8
#define END_SIZE 8 /* application status 0, request complete, reserved */

/* Content of a record: a multiple of 8 needs no padding. */
#define RECORD_MAX ((size_t)65528)
#define PARTS_MAX 64

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

static void send_parts(struct request_out *o, struct iovec *part, size_t n)
{
    struct msghdr m = {.msg_iov = part, .msg_iovlen = n};

    while (!o->gone && m.msg_iovlen) {
        ssize_t sent = sendmsg(o->fd, &m, MSG_NOSIGNAL);

        if (sent >= 0)
            advance(&m, (size_t)sent);
        else if (errno != EINTR) /* EAGAIN: the time limit */
            o->gone = true;
    }
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

void request_out_begin(struct request_out *o, int fd, unsigned id)
{
    o->fd = fd;
    o->id = id;
    o->n = 0;
    o->gone = false;
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

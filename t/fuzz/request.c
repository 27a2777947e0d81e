/*
 * request.c - any bytes from a web server's side of a FastCGI connection: what
 * was sent as a parameter or as the body comes out as that, and what goes back
 * is a whole answer.
 */
#include "fcgi/request.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/buf.h"
#include "t/fuzz/fuzz.h"

#define BODY_MAX 2048
#define NAMES_MAX 64

/* FastCGI 1.0: a record's type, and the head of one. */
enum { BEGIN = 1, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6 };

#define RECORD(type, length) "\1" type "\0\1\0" length "\0\0"
#define BEGIN_1 RECORD("\1", "\x08") "\0\1\0\0\0\0\0\0"

/* "p": lines NAME=VALUE, an empty line, a body: sent as a request of these;
 * "r": what follows is sent as it is. */
const struct fuzz_text fuzz_seeds[] = {
    FUZZ("pREQUEST_METHOD=POST\nCONTENT_LENGTH=4\nDOCUMENT_URI=/finalize-trip\n"
         "HTTP_ACCEPT_ENCODING=gzip\n\nbody"),
    FUZZ("pREQUEST_METHOD=GET\nQUERY_STRING=email=a%40b.c&limit=5\n"
         "CONTENT_LENGTH=\n\n"),
    FUZZ("pCONTENT_LENGTH=9\n\nshort"),
    FUZZ("pCONTENT_LENGTH=2\n\nlong"),
    FUZZ("pCONTENT_LENGTH=99999999999999999999\n\n"),
    FUZZ("r" BEGIN_1 RECORD("\4", "\5") "\1\2ABC" RECORD("\4", "\0")
             RECORD("\5", "\0")),
    FUZZ("r" BEGIN_1 RECORD("\4", "\x13") "\x0e\3CONTENT_LENGTH003" RECORD(
        "\4", "\0") RECORD("\5", "\3") "abc" RECORD("\5", "\0")),
    FUZZ_END,
};
const struct fuzz_text fuzz_words[] = {
    FUZZ("\1\1\0\1\0\x08\0\0"),
    FUZZ("\1\4\0\1\0\0\0\0"),
    FUZZ("\1\5\0\1\0\0\0\0"),
    FUZZ("\1\2\0\1\0\0\0\0"),
    FUZZ("\x80\0\0\x10"),
    FUZZ("CONTENT_LENGTH="),
    FUZZ("\n\n"),
    FUZZ("\n"),
    FUZZ("="),
    FUZZ("HTTP_IF_NONE_MATCH="),
    FUZZ("0"),
    FUZZ("-1"),
    FUZZ("2048"),
    FUZZ("2049"),
    FUZZ_END,
};

static void put_record(struct buf *b, int type, struct str content)
{
    const char head[] = {
        1, (char)type, 0, 1, (char)(content.n >> 8), (char)content.n, 0, 0};

    buf_put(b, (struct str){head, sizeof head});
    buf_put(b, content);
}

static void put_length(struct buf *b, size_t n)
{
    if (n > 127)
        for (int shift = 24; shift > 0; shift -= 8)
            buf_putc(b, (char)(n >> shift | (shift == 24 ? 0x80 : 0)));
    buf_putc(b, (char)n);
}

/* The library forgets a few bytes of some connections; it is not ours. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfcgi";
}

struct sent { /* as a request of parameters and a body */
    struct str name[NAMES_MAX], value[NAMES_MAX];
    size_t n;
    struct str body;
};

static struct sent split(struct str in)
{
    struct sent s = {.n = 0};

    while (in.n && s.n < NAMES_MAX) {
        const char *end = memchr(in.p, '\n', in.n), *eq;
        struct str line = {in.p, end ? (size_t)(end - in.p) : in.n};

        in.p += line.n + (end != NULL);
        in.n -= line.n + (end != NULL);
        if (!line.n)
            break;
        eq = memchr(line.p, '=', line.n);
        s.name[s.n] = (struct str){line.p, eq ? (size_t)(eq - line.p) : line.n};
        s.value[s.n++] =
            eq ? (struct str){eq + 1, line.n - (size_t)(eq - line.p) - 1}
               : STR_NONE;
    }
    s.body = in;
    return s;
}

static void put_request(struct buf *b, const struct sent *s)
{
    struct buf params;

    buf_init(&params, 1 << 16);
    for (size_t i = 0; i < s->n; i++) {
        put_length(&params, s->name[i].n);
        put_length(&params, s->value[i].n);
        buf_put(&params, s->name[i]);
        buf_put(&params, s->value[i]);
    }
    put_record(b, BEGIN, (struct str){"\0\1\0\0\0\0\0", 8});
    if (params.n)
        put_record(b, PARAMS, buf_str(&params));
    put_record(b, PARAMS, STR_NONE);
    if (s->body.n)
        put_record(b, STDIN, s->body);
    put_record(b, STDIN, STR_NONE);
    buf_free(&params);
}

/* A name that stands once, and can stand in an environment; one name is the
 * library's own. */
static bool plain(const struct sent *s, size_t i)
{
    if (str_is(s->name[i], "FCGI_ROLE") || !s->name[i].n ||
        memchr(s->name[i].p, '\0', s->name[i].n) ||
        (s->value[i].n && memchr(s->value[i].p, '\0', s->value[i].n)))
        return false;
    for (size_t k = 0; k < s->n; k++)
        if (k != i && str_eq(s->name[k], s->name[i]))
            return false;
    return true;
}

static void check_params(const struct request *r, const struct sent *s,
                         struct arena *a)
{
    for (size_t i = 0; i < s->n; i++)
        if (plain(s, i))
            assert(
                str_eq(request_param(r, arena_z(a, s->name[i])), s->value[i]));
}

static void check_body(struct request *r, const struct sent *s, struct arena *a)
{
    struct str declared = request_param(r, "CONTENT_LENGTH"), body;
    struct err err = ERR_NONE;
    enum status st =
        request_body(r, declared, BODY_MAX, deadline_in(5000), a, &body, &err);

    if (st == ST_OK)
        assert(body.n <= BODY_MAX && (!s || str_eq(body, s->body)));
    else
        assert(err.st == st && err.code[0]);
}

/* What came back: records of the answer, and one that ends it. */
static void check_answer(int fd)
{
    unsigned char text[4096];
    size_t n = 0, at = 0;
    int last = 0;
    ssize_t got;

    while (n < sizeof text &&
           (got = recv(fd, text + n, sizeof text - n, MSG_DONTWAIT)) > 0)
        n += (size_t)got;
    while (at + 8 <= n) {
        last = text[at + 1];
        at += 8u + ((size_t)text[at + 4] << 8 | text[at + 5]) + text[at + 6];
    }
    assert(at == n && (last == END || last == 0 || last > STDOUT));
}

/* The library is for one process at a time, as in a worker. */
static struct request *the_request(void)
{
    static struct request *r;

    if (!r) {
        setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 1);
        r = request_new();
    }
    return r;
}

static void serve(int fd, const struct sent *s)
{
    struct request *r = the_request();
    struct arena *a = arena_new(16384);
    size_t unsent;
    int kept;

    if (request_take(r, fd, 5000)) {
        if (s)
            check_params(r, s, a);
        check_body(r, s, a);
        if (request_write(r, STR_LIT("Status: 200\r\n\r\nanswer")) == ST_OK)
            (void)!request_finish(r, STR_NONE, &unsent);
        else
            request_abort(r);
        if ((kept = request_release(r)) >= 0)
            close(kept);
    } else {
        assert(!s);
    }
    arena_free(&a);
}

/* Of records that are sent as they are, only such as our own web server could
 * send: how the library reads others is its own affair. */
static bool for_us(struct str in)
{
    for (size_t i = 0; i < in.n; i++)
        if ((unsigned char)in.p[i] > 0x80)
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    struct sent s;
    struct buf wire;
    int pair[2];

    if (size == 0 || (data[0] != 'p' && data[0] != 'r'))
        return 0;
    in = (struct str){in.p + 1, in.n - 1};
    if (data[0] == 'r' && !for_us(in))
        return 0;
    buf_init(&wire, 1 << 17);
    s = split(in);
    if (data[0] == 'p')
        put_request(&wire, &s);
    else
        buf_put(&wire, in);
    assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    assert(send(pair[0], wire.p ? wire.p : "", wire.n, MSG_NOSIGNAL) ==
           (ssize_t)wire.n);
    shutdown(pair[0], SHUT_WR);
    serve(pair[1], data[0] == 'p' ? &s : NULL);
    check_answer(pair[0]);
    close(pair[0]);
    buf_free(&wire);
    return 0;
}

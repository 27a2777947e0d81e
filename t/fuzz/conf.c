/*
 * conf.c - any bytes as a settings file: refused with words and nothing
 * changed, or taken, and then what conf_dump writes of it is taken as the same.
 */
#include "base/conf.h"

#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "t/fuzz/fuzz.h"

const struct fuzz_text fuzz_seeds[] = {
    FUZZ("; a comment\n[server]\nlisten = /tmp/a b.sock\nworkers = 3 ; three\n"
         "request_timeout=2m\nfinalize_timeout: 100ms\nbody_limit = 64K\n"
         "socket_mode = 777\n\n[log]\r\nlevel = debug\ntarget = /var/a;b.log\n"
         "[server]\nbacklog = 1\n"),
    FUZZ("[objects]\nurl = s3://bucket\n[s3]\nendpoint = http://[::1]:9000\n"
         "path_style = on\nconnections = 1024\n[records]\nurl = dynamodb:\n"
         "[dynamodb]\nregion =\n[cache]\nurl = none\nttl = 1h\nfiles = /x\n"),
    FUZZ("\xef\xbb\xbf[server]\nmax_requests = true\n"
         "workers = 8\n[scoring]\nversion = 3.0\n[maintenance]\n"
         "interval = 50ms\n"),
    FUZZ("[server]\n  workers = 2\n\tmax_requests = 0\n # no\n; no\nx = 1\n"),
    FUZZ_END,
};
const struct fuzz_text fuzz_words[] = {
    FUZZ("["),
    FUZZ("]"),
    FUZZ("="),
    FUZZ(":"),
    FUZZ(" ;"),
    FUZZ("#"),
    FUZZ("\n"),
    FUZZ("\r\n"),
    FUZZ("\n "),
    FUZZ("\n\t"),
    FUZZ("[server]\n"),
    FUZZ("[cache]\n"),
    FUZZ("workers = "),
    FUZZ("listen = "),
    FUZZ("url = "),
    FUZZ("/"),
    FUZZ("s3://"),
    FUZZ("9999999999999999999"),
    FUZZ("ms"),
    FUZZ("0660"),
    FUZZ("on"),
    FUZZ("\0"),
    FUZZ("\xef\xbb\xbf"),
    FUZZ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "x"),
    FUZZ_END,
};

static enum status load(struct str text, struct arena *a, struct conf *out,
                        struct err *err)
{
    static int fd = -1;
    char path[40];

    if (fd < 0)
        fd = memfd_create("conf", 0);
    assert(fd >= 0 && ftruncate(fd, 0) == 0);
    assert(pwrite(fd, text.p ? text.p : "", text.n, 0) == (ssize_t)text.n);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return conf_load(path, a, out, err);
}

static void dump(const struct conf *c, bool with_help, struct buf *b)
{
    buf_init(b, 1 << 20);
    conf_dump(c, with_help, b);
    assert(buf_ok(b));
}

static void check_again(const struct conf *c, struct arena *a)
{
    struct buf first, second;
    struct err err = ERR_NONE;
    struct conf again;

    for (int with_help = 0; with_help < 2; with_help++) {
        dump(c, with_help, &first);
        assert(load(buf_str(&first), a, &again, &err) == ST_OK);
        dump(&again, with_help, &second);
        assert(str_eq(buf_str(&first), buf_str(&second)));
        buf_free(&first);
        buf_free(&second);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    struct arena *a = arena_new(16384);
    struct err err = ERR_NONE;
    struct conf c, before;
    enum status st;

    memset(&c, 0x5a, sizeof c);
    memset(&before, 0x5a, sizeof before);
    st = load(in, a, &c, &err);
    if (st == ST_OK) {
        check_again(&c, a);
    } else {
        assert(st == ST_BAD_REQUEST && err.st == st && err.text[0]);
        assert(memcmp(&c, &before, sizeof c) == 0);
        assert(!strchr(err.text, '\n'));
    }
    arena_free(&a);
    return 0;
}

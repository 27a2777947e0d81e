/* What a client has not taken yet: kept in order, sent on, handed over. */
#include "fcgi/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "t/unit/procs.h"
#include "t/unit/tap.h"

#define PART ((size_t)100 * 1000)
#define PARTS 40

static const char *folder;
static struct err err;

/* Byte number i of what is sent. */
static char byte_of(size_t i)
{
    return (char)(i * 7 + i / 1000);
}

static bool keep_parts(struct unsent *u, size_t from, size_t parts)
{
    static char text[2][PART];
    bool good = true;

    for (size_t k = 0; good && k < parts; k += 2) {
        struct iovec v[2] = {{text[0], PART}, {text[1], PART}};

        for (size_t i = 0; i < 2 * PART; i++)
            text[i / PART][i % PART] = byte_of(from + k * PART + i);
        good = unsent_keep(u, v, 2, &err) == ST_OK;
    }
    return good;
}

/* Reads what is there; the number of the byte behind, or 0 for a wrong one. */
static size_t taken(int fd, size_t at)
{
    char got[65536];
    ssize_t n;

    while ((n = recv(fd, got, sizeof got, MSG_DONTWAIT)) > 0)
        for (ssize_t i = 0; i < n; i++)
            if (got[i] != byte_of(at++))
                return 0;
    return at;
}

static void pair(int fd[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
        abort();
}

static void in_order(void)
{
    struct unsent u;
    size_t at = 0, sent = 0;
    enum push p = PUSH_WAITS;
    int fd[2], waits = 0;

    pair(fd);
    unsent_open(&u, folder);
    CHECK(unsent_size(&u) == 0 && unsent_push(&u, fd[0]) == PUSH_ALL);
    CHECK(keep_parts(&u, 0, PARTS) && unsent_size(&u) == PARTS * PART);
    while (p == PUSH_WAITS && at < PARTS * PART) {
        p = unsent_push(&u, fd[0]);
        waits += p == PUSH_WAITS;
        sent = PARTS * PART - (size_t)unsent_size(&u);
        at = taken(fd[1], at);
        if (at != sent)
            break;
    }
    CHECK(p == PUSH_ALL && at == PARTS * PART && waits > 3);
    /* Used up: the next one begins anew, with its space given back. */
    CHECK(lseek(u.fd, 0, SEEK_END) == 0);
    CHECK(keep_parts(&u, at, 2) && unsent_push(&u, fd[0]) != PUSH_GONE);
    CHECK(taken(fd[1], at) > at);
    close(fd[1]);
    CHECK(keep_parts(&u, 0, 2));
    while ((p = unsent_push(&u, fd[0])) == PUSH_WAITS)
        continue;
    CHECK(p == PUSH_GONE);
    unsent_close(&u);
    CHECK(u.fd == -1 && unsent_size(&u) == 0);
    close(fd[0]);
}

static void no_room(void)
{
    struct unsent u;

    unsent_open(&u, "/nowhere");
    CHECK(!keep_parts(&u, 0, 2) && err.st == ST_UNAVAILABLE &&
          strstr(err.text, "/nowhere"));
    CHECK(unsent_size(&u) == 0);
    err_clear(&err);
    unsent_close(&u);
    unsent_open(&u, folder);
    CHECK(keep_parts(&u, 0, 2));
    /* A file that takes no more: nothing of the parts counts. */
    close(u.fd);
    u.fd = open("/dev/full", O_RDWR | O_CLOEXEC);
    CHECK(u.fd < 0 || (!keep_parts(&u, 0, 2) && unsent_size(&u) == 2 * PART));
    err_clear(&err);
    unsent_close(&u);
}

static bool same_file(int a, int b)
{
    struct stat x, y;

    return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino;
}

static void handing_over(void)
{
    struct handover_channel c;
    struct handover h = {.request_id = "request-1"}, got;
    int fd[2];

    pair(fd);
    CHECK(handover_open(&c, &err) == ST_OK && !handover_take(&c, &got));
    unsent_open(&h.rest, folder);
    CHECK(keep_parts(&h.rest, 0, 2));
    h.rest.at = 5;
    h.conn = fd[0];
    CHECK(handover_give(&c, &h, &err) == ST_OK);
    CHECK(handover_take(&c, &got) && !handover_take(&c, &got));
    CHECK(got.conn != h.conn && same_file(got.conn, h.conn));
    CHECK(got.rest.fd != h.rest.fd && same_file(got.rest.fd, h.rest.fd));
    CHECK(got.rest.at == 5 && got.rest.end == 2 * PART);
    CHECK(strcmp(got.request_id, "request-1") == 0);
    CHECK(unsent_push(&got.rest, got.conn) != PUSH_GONE);
    CHECK(taken(fd[1], 5) > 5);
    close(got.conn);
    unsent_close(&got.rest);
    unsent_close(&h.rest);
    close(fd[0]);
    close(fd[1]);
    handover_close(&c);
    CHECK(c.give == -1 && c.take == -1);
}

/* Nobody takes: it is refused after a while, and what is in the channel stays
 * whole. */
static void nobody_takes(void)
{
    struct handover_channel c;
    struct handover h = {.conn = STDIN_FILENO}, got;
    int64_t began = clock_mono_ms();
    int given = 0, taken_n = 0;

    CHECK(handover_open(&c, &err) == ST_OK);
    unsent_open(&h.rest, folder);
    CHECK(keep_parts(&h.rest, 0, 2));
    while (given < 5000 && handover_give(&c, &h, &err) == ST_OK)
        given++;
    CHECK(given >= 100 && err.st == ST_UNAVAILABLE);
    CHECK(clock_mono_ms() - began < 10000);
    err_clear(&err);
    for (; handover_take(&c, &got); taken_n++) {
        close(got.conn);
        unsent_close(&got.rest);
    }
    CHECK(taken_n == given);
    unsent_close(&h.rest);
    handover_close(&c);
}

int main(void)
{
    folder = temp_folder();
    in_order();
    no_room();
    handing_over();
    nobody_takes();
    temp_remove(folder);
    return tap_end();
}

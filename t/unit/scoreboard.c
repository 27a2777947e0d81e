/* The scoreboard: slots, sums that never go back, stale files, readers beside
 * a writer. */
#include "host/scoreboard.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "t/unit/tap.h"

static char dir[] = "/tmp/dg-board-XXXXXX";
static char path[64];

static struct scoreboard *board_made(void)
{
    struct err err = ERR_NONE;
    struct scoreboard *b;

    if (scoreboard_create(path, &b, &err) != ST_OK) {
        tap_note("%s", err.text);
        abort();
    }
    return b;
}

/* Whoever was killed gives his place back when the master has seen it. */
static void test_share(void)
{
    struct scoreboard *b = board_made();
    int slot = scoreboard_take(b, ROLE_WORKER, 0, 1, deadline_in(1000));
    struct sharer one = {scoreboard_share(b), slot, 1};
    struct sharer other = {scoreboard_share(b), slot + 1, 1};

    CHECK(share_take(&one, STR_LIT("a")) && !share_take(&other, STR_LIT("a")));
    scoreboard_release(b, slot);
    CHECK(share_take(&other, STR_LIT("a")));
    scoreboard_remove(b);
    scoreboard_close(&b);
}

static void test_slots(void)
{
    struct scoreboard *b = board_made();
    struct slot_view v;
    int slot = scoreboard_take(b, ROLE_WORKER, 3, 7, deadline_in(1000));

    CHECK(slot == 0);
    CHECK(scoreboard_take(b, ROLE_MONITOR, 0, 7, deadline_in(1000)) == 1);
    scoreboard_pid(b, slot, getpid());
    scoreboard_slot(b, slot, &v);
    CHECK(v.role == ROLE_WORKER && v.number == 3 && v.generation == 7);
    CHECK(v.state == SLOT_STARTING && v.pid == getpid());
    CHECK(deadline_left_ms(v.deadline) > 0);
    scoreboard_busy(b, slot, deadline_in(5000));
    scoreboard_request(b, slot, STR_LIT("/finalize-trip"),
                       STR_LIT("request-1"));
    scoreboard_served(b, slot);
    scoreboard_slot(b, slot, &v);
    CHECK(v.state == SLOT_BUSY && v.requests == 1);
    CHECK(strcmp(v.route, "/finalize-trip") == 0);
    CHECK(strcmp(v.request_id, "request-1") == 0);
    CHECK(strcmp(slot_state_name(&v), "busy") == 0);
    scoreboard_draining(b, slot);
    scoreboard_slot(b, slot, &v);
    CHECK(strcmp(slot_state_name(&v), "draining") == 0);
    scoreboard_idle(b, slot);
    scoreboard_slot(b, slot, &v);
    CHECK(v.state == SLOT_IDLE);
    scoreboard_release(b, slot);
    CHECK(scoreboard_take(b, ROLE_WORKER, 0, 8, deadline_in(1)) == slot);
    scoreboard_slot(b, slot, &v);
    CHECK(v.requests == 0 && !v.draining && v.route[0] == '\0');
    scoreboard_close(&b);
    CHECK(b == NULL);
}

static struct slot_view view_of(struct scoreboard *b, int slot)
{
    struct slot_view v;

    scoreboard_slot(b, slot, &v);
    return v;
}

/* Whether anybody takes calls: who waits or has begun lately, and is to stay.
 */
static void test_takes(void)
{
    struct scoreboard *b = board_made();
    struct err err = ERR_NONE;
    int one = scoreboard_take(b, ROLE_WORKER, 0, 1, deadline_in(1000)), two;
    int other = scoreboard_take(b, ROLE_SENDER, 0, 1, deadline_in(1000));

    scoreboard_idle(b, other);
    CHECK(!scoreboard_takes(b, 60000, &err)); /* it is still starting */
    err_clear(&err);
    scoreboard_idle(b, one);
    CHECK(scoreboard_takes(b, 60000, &err));
    clock_sleep_ms(30);
    CHECK(!scoreboard_takes(b, 10, &err) &&
          strstr(err.text, "none of 1 worker"));
    err_clear(&err);
    scoreboard_alive(b, one);
    CHECK(scoreboard_takes(b, 10000, &err));
    CHECK(view_of(b, one).alive_ms > view_of(b, one).since_ms);
    scoreboard_busy(b, one, deadline_in(100000));
    clock_sleep_ms(30);
    scoreboard_alive(b, one); /* that it lives is not that it takes calls */
    CHECK(!scoreboard_takes(b, 10, &err) && strstr(err.text, "1 busy"));
    err_clear(&err);
    two = scoreboard_take(b, ROLE_WORKER, 1, 1, deadline_in(1000));
    scoreboard_idle(b, two);
    CHECK(scoreboard_takes(b, 10000, &err));
    scoreboard_draining(b, two);
    scoreboard_release(b, one);
    CHECK(!scoreboard_takes(b, 10000, &err));
    scoreboard_close(&b);
}

static void test_gauge(void)
{
    struct scoreboard *b = board_made();
    int one = scoreboard_take(b, ROLE_WORKER, 0, 1, deadline_in(1000));
    int two = scoreboard_take(b, ROLE_SENDER, 0, 1, deadline_in(1000));

    stats_use(scoreboard_stats(b, one));
    gauge_set(GAUGE_unsent_bytes, 5);
    stats_use(scoreboard_stats(b, two));
    gauge_set(GAUGE_unsent_bytes, 7);
    CHECK(scoreboard_gauge(b, GAUGE_unsent_bytes) == 12);
    scoreboard_release(b, one); /* gone, and what it had with it */
    CHECK(scoreboard_gauge(b, GAUGE_unsent_bytes) == 7);
    CHECK(scoreboard_take(b, ROLE_WORKER, 0, 1, deadline_in(1000)) == one);
    CHECK(scoreboard_gauge(b, GAUGE_unsent_bytes) == 7);
    scoreboard_close(&b);
}

static void test_long_texts(void)
{
    struct scoreboard *b = board_made();
    struct slot_view v;
    char text[200];
    int slot = scoreboard_take(b, ROLE_WORKER, 0, 1, deadline_in(1));

    memset(text, 'x', sizeof text);
    scoreboard_request(b, slot, (struct str){text, sizeof text},
                       (struct str){text, sizeof text});
    scoreboard_slot(b, slot, &v);
    CHECK(strlen(v.route) == SCOREBOARD_ROUTE_MAX - 1);
    CHECK(strlen(v.request_id) == SCOREBOARD_ID_MAX - 1);
    scoreboard_close(&b);
}

static void test_full(void)
{
    struct scoreboard *b = board_made();
    int n = 0;

    while (scoreboard_take(b, ROLE_WORKER, n, 1, deadline_in(1)) >= 0)
        n++;
    CHECK(n == SCOREBOARD_SLOTS);
    scoreboard_release(b, 17);
    CHECK(scoreboard_take(b, ROLE_WORKER, 0, 1, deadline_in(1)) == 17);
    scoreboard_close(&b);
}

/* A process that counts and goes; the next in its slot counts on. */
static void count_in_child(struct scoreboard *b, uint64_t n)
{
    int slot = scoreboard_take(b, ROLE_WORKER, 0, 1, deadline_in(1));
    pid_t pid = fork();

    if (pid == 0) {
        stats_use(scoreboard_stats(b, slot));
        stat_add(STAT_requests, n);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    scoreboard_release(b, slot);
}

static void test_sums(void)
{
    struct scoreboard *b = board_made(), *reader;
    struct err err = ERR_NONE;
    struct arena *a = arena_new(0);
    struct board_view v;
    int slot;

    count_in_child(b, 5);
    count_in_child(b, 7);
    slot = scoreboard_take(b, ROLE_MAINTENANCE, 0, 1, deadline_in(1));
    scoreboard_pid(b, slot, getpid());
    CHECK(scoreboard_take(b, ROLE_WORKER, 0, 1, deadline_in(1)) >= 0);
    scoreboard_generation(b, 4);
    CHECK(scoreboard_open(path, &reader, &err) == ST_OK);
    scoreboard_view(reader, a, &v);
    CHECK(v.counters[STAT_requests] == 12);
    CHECK(v.n == 1 && v.slots[0].role == ROLE_MAINTENANCE); /* has a pid */
    CHECK(v.slots[0].rss_bytes > 0);
    CHECK(v.master == getpid() && v.generation == 4);
    CHECK(v.started_us <= clock_wall_us() && v.version[0] != '\0');
    scoreboard_close(&reader);
    scoreboard_close(&b);
    arena_free(&a);
}

static void test_missing(void)
{
    struct err err = ERR_NONE;
    struct scoreboard *b;

    CHECK(scoreboard_open("/nowhere/board", &b, &err) == ST_UNAVAILABLE);
    CHECK(strcmp(err.code, "not_running") == 0 && b == NULL);
    err_clear(&err);
    CHECK(scoreboard_create("/nowhere/board", &b, &err) == ST_UNAVAILABLE);
    CHECK(strstr(err.text, "/nowhere/board") != NULL && b == NULL);
}

static void test_dead_master(void)
{
    struct err err = ERR_NONE;
    struct scoreboard *b;
    pid_t pid = fork();

    if (pid == 0) {
        b = board_made();
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    CHECK(scoreboard_open(path, &b, &err) == ST_UNAVAILABLE);
    CHECK(strcmp(err.code, "not_running") == 0);
}

static void test_other_version(void)
{
    struct scoreboard *b = board_made();
    struct err err = ERR_NONE;
    int fd = open(path, O_WRONLY);

    CHECK(pwrite(fd, "OTHER", 5, 0) == 5);
    close(fd);
    scoreboard_close(&b);
    CHECK(scoreboard_open(path, &b, &err) == ST_CORRUPT);
    CHECK(truncate(path, 10) == 0);
    err_clear(&err);
    CHECK(scoreboard_open(path, &b, &err) == ST_CORRUPT);
    CHECK(strcmp(err.code, "scoreboard_version") == 0);
}

static void test_remove(void)
{
    struct scoreboard *first = board_made(), *second = board_made();

    scoreboard_remove(first);
    CHECK(access(path, F_OK) == 0); /* it is the second's by now */
    scoreboard_remove(second);
    CHECK(access(path, F_OK) != 0);
    scoreboard_close(&first);
    scoreboard_close(&second);
}

/* Route and id are always of the same request. */
static void test_reader_beside_writer(void)
{
    struct scoreboard *b = board_made();
    int slot = scoreboard_take(b, ROLE_WORKER, 0, 1, deadline_in(1));
    int torn = 0, seen = 0;
    struct slot_view v;
    pid_t pid = fork();

    while (pid == 0) {
        scoreboard_request(b, slot, STR_LIT("/aaaaaaaaaaaaaaaaaaaaaaaaa"),
                           STR_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
        sched_yield(); /* no writer leaves a reader no gap at all */
        scoreboard_request(b, slot, STR_LIT("/bbbbbbbbbbbbbbbbbbbbbbbbb"),
                           STR_LIT("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"));
    }
    for (struct deadline d = deadline_in(300), last = deadline_in(10000);
         !deadline_over(d) || (seen == 0 && !deadline_over(last));) {
        scoreboard_slot(b, slot, &v);
        if (v.route[0] == '\0')
            continue;
        seen++;
        torn += v.route[1] != v.request_id[0] || v.route[20] != v.route[1] ||
                v.request_id[30] != v.route[1];
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    CHECK(seen > 0);
    CHECK(torn == 0);
    /* Killed in the middle of a write, perhaps: the next writer goes on. */
    scoreboard_request(b, slot, STR_LIT("/next"), STR_NONE);
    scoreboard_slot(b, slot, &v);
    CHECK(strcmp(v.route, "/next") == 0 && v.request_id[0] == '\0');
    scoreboard_close(&b);
}

/* The master must never take a worker that is just done, or just begins, for
 * one past its deadline. */
static void test_deadline_beside_writer(void)
{
    struct scoreboard *b = board_made();
    int slot = scoreboard_take(b, ROLE_WORKER, 0, 1, deadline_in(10000));
    size_t late = 0, busy = 0;
    pid_t pid = fork();

    if (pid == 0)
        for (;;) {
            scoreboard_busy(b, slot, deadline_in(10000));
            scoreboard_idle(b, slot);
        }
    for (int64_t end = clock_mono_ms() + 300; clock_mono_ms() < end;) {
        struct slot_view v;

        scoreboard_slot(b, slot, &v);
        busy += v.state == SLOT_BUSY;
        late += v.state == SLOT_BUSY && deadline_over(v.deadline);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    CHECK(busy > 0);
    CHECK(late == 0);
    scoreboard_close(&b);
}

int main(void)
{
    if (!mkdtemp(dir))
        abort();
    snprintf(path, sizeof path, "%s/board", dir);
    test_share();
    test_slots();
    test_takes();
    test_gauge();
    test_long_texts();
    test_full();
    test_sums();
    test_missing();
    test_dead_master();
    test_other_version();
    test_remove();
    test_reader_beside_writer();
    test_deadline_beside_writer();
    unlink(path);
    CHECK(rmdir(dir) == 0);
    return tap_end();
}

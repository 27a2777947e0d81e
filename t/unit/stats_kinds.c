/*
 * The kinds of figures, in a slot and summed by the scoreboard over processes and
 * restarts. It has a table of its own (stats_kinds.d comes first among the
 * folders of headers), for which stats.c and scoreboard.c are built once more.
 */
#include "base/stats.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include "host/scoreboard.h"
#include "t/unit/procs.h"
#include "t/unit/tap.h"

#define WORKERS 4
#define THREADS 2
#define TURNS 20000

static char path[400];
static struct arena *arena;

static struct scoreboard *board_made(void)
{
    struct err err = ERR_NONE;
    struct scoreboard *b;

    if (scoreboard_create(path, &b, &err) != ST_OK)
        abort();
    return b;
}

static struct board_view view_of(const struct scoreboard *b)
{
    struct board_view v;

    scoreboard_view(b, arena, &v);
    return v;
}

static void buckets(void)
{
    static const uint64_t values[] = {0,  1,   2,   10,
                                      11, 100, 101, UINT64_MAX / 2};
    static const uint64_t expected[] = {2, 2, 2, 2};
    static struct stats s;
    struct histogram got = {.count = 0};
    uint64_t sum = 0;

    stats_use(&s);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        histogram_add(HISTOGRAM_wait_ms, values[i]);
        sum += values[i];
    }
    histogram_sum(&s, HISTOGRAM_wait_ms, &got);
    CHECK(memcmp(got.bucket, expected, sizeof expected) == 0);
    CHECK(got.count == 8 && got.sum == sum);
    histogram_sum(&s, HISTOGRAM_wait_ms, &got); /* adds */
    CHECK(got.count == 16 && got.bucket[3] == 4);

    got = (struct histogram){.count = 0};
    for (uint64_t v = 0; v <= 20; v++)
        histogram_add(HISTOGRAM_full, v);
    histogram_sum(&s, HISTOGRAM_full, &got);
    CHECK(got.bucket[0] == 2 && got.bucket[15] == 1);
    CHECK(got.bucket[HISTOGRAM_BOUNDS] == 4 && got.count == 21);
}

static void texts_of_kinds(void)
{
    const struct histogram_text *wait = histogram_text(HISTOGRAM_wait_ms);
    const struct histogram_text *full = histogram_text(HISTOGRAM_full);

    CHECK(!strcmp(wait->name, "wait_ms") && !strcmp(wait->unit, "ms") &&
          !strcmp(wait->help, "how long calls waited"));
    CHECK(wait->bounds == 3 && wait->bound[0] == 1 && wait->bound[2] == 100);
    CHECK(full->bounds == HISTOGRAM_BOUNDS && full->bound[15] == 16);
    CHECK(!strcmp(gauge_name(GAUGE_queued), "queued") &&
          !strcmp(gauge_help(GAUGE_open_files), "files that are open"));
    CHECK(!strcmp(stat_name(STAT_calls), "calls") && STAT_COUNT == 1);
}

/* ---- over processes ---- */

/* Two threads, as a worker that asks two stores at once (beside.h). */
static void *turns(void *ctx)
{
    (void)ctx;
    for (uint64_t i = 0; i < TURNS; i++) {
        histogram_add(HISTOGRAM_wait_ms, i % 200);
        stat_add(STAT_calls, 1);
    }
    return NULL;
}

static void work(struct scoreboard *b, int slot)
{
    pthread_t thread[THREADS];

    stats_use(scoreboard_stats(b, slot));
    gauge_set(GAUGE_open_files, 10);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, turns, NULL))
            _exit(1);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    gauge_set(GAUGE_open_files, 3);
    gauge_set(GAUGE_queued, -1);
    raise(SIGKILL); /* nothing has to be written down at an end */
}

static int begin_worker(struct scoreboard *b, int number, pid_t *pid)
{
    int slot = scoreboard_take(b, ROLE_WORKER, number, 1, deadline_in(1000));

    *pid = fork();
    if (*pid == 0)
        work(b, slot);
    scoreboard_pid(b, slot, *pid);
    return slot;
}

static void one_generation(struct scoreboard *b)
{
    int slot[WORKERS];
    pid_t pid[WORKERS];
    struct board_view v;

    for (int i = 0; i < WORKERS; i++)
        slot[i] = begin_worker(b, i, &pid[i]);
    for (int i = 0; i < WORKERS; i++)
        waitpid(pid[i], NULL, 0);
    v = view_of(b);
    CHECK(v.gauges[GAUGE_open_files] == 3 * WORKERS);
    CHECK(v.gauges[GAUGE_queued] == -WORKERS);
    for (int i = 0; i < WORKERS; i++)
        scoreboard_release(b, slot[i]);
}

static void sums(void)
{
    const uint64_t n = (uint64_t)2 * WORKERS * THREADS * TURNS;
    struct scoreboard *b = board_made();
    const struct histogram *wait;
    struct board_view v;
    int slot;

    one_generation(b);
    one_generation(b);
    v = view_of(b);
    wait = &v.histograms[HISTOGRAM_wait_ms];
    CHECK(v.counters[STAT_calls] == n && wait->count == n);
    /* Of 200 values 2 are up to 1, 9 up to 10, 90 up to 100. */
    CHECK(wait->bucket[0] == n / 200 * 2 && wait->bucket[1] == n / 200 * 9);
    CHECK(wait->bucket[2] == n / 200 * 90 && wait->bucket[3] == n / 200 * 99);
    CHECK(wait->sum == n / 200 * (199 * 200 / 2));
    CHECK(v.histograms[HISTOGRAM_full].count == 0);
    /* What has gone has nothing open, and its successor not yet. */
    CHECK(v.gauges[GAUGE_open_files] == 0);
    slot = scoreboard_take(b, ROLE_WORKER, 0, 2, deadline_in(1000));
    scoreboard_pid(b, slot, getpid());
    v = view_of(b);
    CHECK(v.n == 1 && v.gauges[GAUGE_open_files] == 0 &&
          v.counters[STAT_calls] == n);
    scoreboard_close(&b);
}

int main(void)
{
    const char *folder = temp_folder();

    snprintf(path, sizeof path, "%s/board", folder);
    arena = arena_new(0);
    buckets();
    texts_of_kinds();
    sums();
    arena_free(&arena);
    temp_remove(folder);
    return tap_end();
}

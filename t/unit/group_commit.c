/* Writes of many processes, done by whoever leads; leaders that die. */
#include "store/group_commit.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include "t/unit/procs.h"
#include "t/unit/tap.h"

#define PLACES 80 /* more than one word of bits */
#define WRITES 200

static struct group_commit *group;

/* What the writers of a test share, beside the group. */
static struct shared {
    _Atomic int groups, rows, largest, writing, overlaps, crash_at;
    _Atomic int written[PLACES][WRITES]; /* how often */
} * shared;

struct wish { /* a request */
    int place, number, answer;
};

static void shared_begin(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    group = group_commit_new(PLACES);
    if (shared == MAP_FAILED || !group)
        abort();
}

static void shared_end(void)
{
    munmap(shared, sizeof *shared);
    group_commit_free(&group);
    CHECK(group == NULL);
}

static void note_group(size_t n)
{
    if (atomic_fetch_add(&shared->writing, 1))
        atomic_fetch_add(&shared->overlaps, 1);
    atomic_fetch_add(&shared->groups, 1);
    atomic_fetch_add(&shared->rows, (int)n);
    if ((int)n > atomic_load(&shared->largest))
        atomic_store(&shared->largest, (int)n);
}

static void write_rows(void *ctx, struct group_row *row, size_t n)
{
    struct wish w;

    (void)ctx;
    note_group(n);
    for (size_t i = 0; i < n; i++) {
        memcpy(&w, row[i].request.p, sizeof w);
        atomic_fetch_add(&shared->written[w.place][w.number], 1);
        row[i].st = w.answer < 0 ? err_set(&row[i].err, ST_NOT_OWNER, "theirs",
                                           "of place %d", w.place)
                                 : ST_OK;
        memcpy(row[i].result, &w.answer, sizeof w.answer);
        if (atomic_load(&shared->crash_at) &&
            atomic_fetch_sub(&shared->crash_at, 1) == 1)
            kill(getpid(), SIGKILL);
    }
    clock_sleep_ms(1); /* a sync */
    atomic_fetch_sub(&shared->writing, 1);
}

static enum status commit(int place, int number, int answer, int64_t ms,
                          int *out, struct err *err)
{
    struct wish w = {place, number, answer};
    const struct group_place p = {group, place};
    const struct str part[2] = {{(const char *)&w, 5},
                                {(const char *)&w + 5, sizeof w - 5}};
    unsigned char result[GROUP_RESULT_MAX] = {0};
    enum status st = group_commit(&p, part, 2, deadline_in(ms), write_rows,
                                  NULL, result, err);

    memcpy(out, result, sizeof *out);
    return st;
}

static void test_alone(void)
{
    struct err err = ERR_NONE;
    int got;

    shared_begin();
    CHECK(commit(3, 0, 41, 5000, &got, &err) == ST_OK && got == 41);
    CHECK(commit(PLACES - 1, 1, 42, 5000, &got, &err) == ST_OK && got == 42);
    CHECK(commit(3, 2, -1, 5000, &got, &err) == ST_NOT_OWNER);
    CHECK(!strcmp(err.code, "theirs") && !strcmp(err.text, "of place 3"));
    CHECK(shared->groups == 3 && shared->largest == 1);
    /* Also who has little time may write. */
    CHECK(commit(3, 3, 43, 100, &got, &err) == ST_OK && got == 43);
    shared_end();
}

static int many_writes(int i, void *ctx)
{
    int place = *(int *)ctx + i;

    for (int k = 0; k < WRITES; k++) {
        struct err err = ERR_NONE;
        /* Every seventh is refused, and the others of its group are not. */
        int answer = k % 7 ? place * 1000 + k : -1, got;
        enum status st = commit(place, k, answer, 20000, &got, &err);

        if (st != (answer < 0 ? ST_NOT_OWNER : ST_OK) || got != answer)
            return 1;
    }
    return 0;
}

static void test_many(void)
{
    int codes[16], first = 56, once = 0; /* across the words' border */

    shared_begin();
    procs_run(16, many_writes, &first, codes);
    CHECK(procs_count(16, codes, 0) == 16);
    for (int i = first; i < first + 16; i++)
        for (int k = 0; k < WRITES; k++)
            once += shared->written[i][k] == 1;
    CHECK(once == 16 * WRITES);
    CHECK(shared->rows == 16 * WRITES);
    tap_note("%d groups of %d at most", shared->groups, shared->largest);
    CHECK(shared->groups < 16 * WRITES / 4);
    CHECK(shared->overlaps == 0);
    shared_end();
}

/* ---- who dies ---- */

static void test_dead_leaders(void)
{
    int codes[16], first = 0, killed, short_of = 0, twice = 0;

    shared_begin();
    shared->crash_at = 700;
    procs_run(16, many_writes, &first, codes);
    killed = procs_count(16, codes, -1);
    CHECK(killed == 1);
    CHECK(procs_count(16, codes, 0) == 15);
    for (int i = 0; i < 16; i++)
        for (int k = 0; codes[i] == 0 && k < WRITES; k++) {
            short_of += shared->written[i][k] == 0;
            twice += shared->written[i][k] > 1;
        }
    CHECK(short_of == 0);
    /* What the dead one had taken; at most the rows of one group. */
    CHECK(twice < 16);
    shared_end();
}

static int write_and_wait(int i, void *ctx)
{
    struct err err = ERR_NONE;
    int got;

    (void)ctx;
    return commit(i, 0, 7, 20000, &got, &err) == ST_OK ? 0 : 1;
}

/* A process that is killed while it waits leaves its request behind. */
static void test_dead_waiter(void)
{
    struct err err = ERR_NONE;
    pid_t pid;
    int got, status;

    shared_begin();
    if (group_turn(&(struct group_place){group, 1}, deadline_in(1000), &err) !=
        ST_OK)
        abort();
    if ((pid = fork()) == 0)
        _exit(write_and_wait(5, NULL));
    clock_sleep_ms(100);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    group_turn_over(&(struct group_place){group, 1});
    CHECK(commit(5, 1, 8, 5000, &got, &err) == ST_OK && got == 8);
    /* The dead one's is written or taken back, and its answer is nobody's. */
    CHECK(shared->written[5][0] <= 1 && shared->written[5][1] == 1);
    shared_end();
}

/* ---- time ---- */

static int hold_turn(int i, void *ctx)
{
    const struct group_place p = {group, 70};
    struct err err = ERR_NONE;

    (void)ctx;
    if (i)
        return write_and_wait(i, NULL);
    if (group_turn(&p, deadline_in(1000), &err) != ST_OK)
        return 1;
    if (atomic_fetch_add(&shared->writing, 1))
        return 2;
    clock_sleep_ms(300);
    atomic_fetch_sub(&shared->writing, 1);
    group_turn_over(&p);
    return 0;
}

static void test_turns(void)
{
    int codes[8];

    shared_begin();
    procs_run(8, hold_turn, NULL, codes);
    CHECK(procs_count(8, codes, 0) == 8);
    CHECK(shared->overlaps == 0 && shared->rows == 7);
    shared_end();
}

static int late(int i, void *ctx)
{
    struct err err = ERR_NONE;
    int got;

    (void)ctx;
    if (i == 0)
        return hold_turn(0, NULL);
    clock_sleep_ms(50); /* the turn is taken */
    if (commit(i, 0, 9, 100, &got, &err) != ST_TIMEOUT)
        return 1;
    if (group_turn(&(struct group_place){group, i}, deadline_in(50), &err) !=
        ST_TIMEOUT)
        return 2;
    return 0;
}

static void test_deadline(void)
{
    struct err err = ERR_NONE;
    int codes[2], got;

    shared_begin();
    procs_run(2, late, NULL, codes);
    CHECK(procs_count(2, codes, 0) == 2);
    CHECK(commit(2, 1, 10, 5000, &got, &err) == ST_OK);
    /* It was taken back in time. */
    CHECK(shared->written[1][0] == 0 && shared->rows == 1);
    shared_end();
}

static void test_large(void)
{
    static char text[GROUP_REQUEST_MAX + 1];
    struct str part = {text, sizeof text};
    unsigned char result[GROUP_RESULT_MAX];
    struct err err = ERR_NONE;

    shared_begin();
    CHECK(group_commit(&(struct group_place){group, 0}, &part, 1,
                       deadline_in(1000), write_rows, NULL, result,
                       &err) == ST_TOO_LARGE);
    part.n--;
    memcpy(text, &(struct wish){0, 0, 1}, sizeof(struct wish));
    err_clear(&err);
    CHECK(group_commit(&(struct group_place){group, 0}, &part, 1,
                       deadline_in(1000), write_rows, NULL, result,
                       &err) == ST_OK);
    shared_end();
}

int main(void)
{
    test_alone();
    test_many();
    test_dead_leaders();
    test_dead_waiter();
    test_turns();
    test_deadline();
    test_large();
    return tap_end();
}

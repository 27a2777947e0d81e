#include "store/group_commit.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/fault.h"

/* Who waits looks at the lead so often: its leader may have died before it
 * called anybody. */
#define LOOK_AGAIN_MS 50
/* A leader with less time of its own than this does not begin: the master may
 * kill it in the midst. Of a short deadline it is half. */
#define LEAD_LEAST_MS 500
/* Of one group, so that its last row does not wait long for the first. */
#define GROUP_BYTES_MAX ((size_t)4 * 1024 * 1024)
/* What a place keeps of a large request, which is rare. */
#define PLACE_KEEP ((size_t)64 * 1024)

/* What a place's word says, beside the number of the write (its ticket), so
 * that an answer is never taken for that of another write. */
enum phase {
    PLACE_IDLE,    /* nothing is asked for, or the answer was fetched */
    PLACE_WAITING, /* the request is whole */
    PLACE_CALLED,  /* the same, and its process is to lead the next group */
    PLACE_TAKEN,   /* a leader is at it: nobody else touches the place */
    PLACE_DONE     /* the answer is whole */
};
#define PHASE_BITS 3
#define PHASE_MASK ((1u << PHASE_BITS) - 1)

struct place {
    _Atomic uint32_t word; /* ticket << PHASE_BITS | phase; a futex */
    struct deadline deadline;
    size_t n; /* bytes of the request */
    enum status st;
    struct err err;
    unsigned char result[GROUP_RESULT_MAX];
};

#define WAITING_BITS 64

struct group_commit {
    pthread_mutex_t lead;
    int places;
    size_t size; /* of the mapping */
    int next;    /* where the leader looks first: everybody's turn comes */
    char *requests;
    _Atomic uint64_t *waiting; /* a bit a place: a hint where to look */
    struct place place[];
};

/* ---- making it ---- */

static void init_lead(pthread_mutex_t *m)
{
    pthread_mutexattr_t a;
    int rc = pthread_mutexattr_init(&a);

    rc = rc ? rc : pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    rc = rc ? rc : pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    rc = rc ? rc : pthread_mutex_init(m, &a);
    assert(rc == 0);
    pthread_mutexattr_destroy(&a);
}

struct group_commit *group_commit_new(int places)
{
    size_t words = (size_t)(places + WAITING_BITS - 1) / WAITING_BITS;
    size_t head = sizeof(struct group_commit) +
                  (size_t)places * sizeof(struct place) +
                  words * sizeof(uint64_t);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t begin = (head + page - 1) / page * page;
    size_t size = begin + (size_t)places * GROUP_REQUEST_MAX;
    struct group_commit *g;

    assert(places > 0);
    /* Pages that no request has touched take no memory. */
    g = mmap(NULL, size, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (g == MAP_FAILED)
        return NULL;
    init_lead(&g->lead);
    g->places = places;
    g->size = size;
    g->waiting = (_Atomic uint64_t *)(void *)&g->place[places];
    g->requests = (char *)g + begin;
    return g;
}

void group_commit_free(struct group_commit **g)
{
    if (*g)
        munmap(*g, (*g)->size);
    *g = NULL;
}

/* ---- words and waiting ---- */

static enum phase phase_of(uint32_t word)
{
    return (enum phase)(word & PHASE_MASK);
}

static bool move_phase(struct place *at, uint32_t from, enum phase to)
{
    return atomic_compare_exchange_strong(&at->word, &from,
                                          (from & ~PHASE_MASK) | to);
}

static void wait_for_change(struct place *at, uint32_t seen, int64_t ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    /* Awake early is no harm: the caller looks at the word. */
    (void)syscall(SYS_futex, &at->word, FUTEX_WAIT, seen, &t, NULL, 0);
}

static void place_wake(struct place *at)
{
    (void)syscall(SYS_futex, &at->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static _Atomic uint64_t *waiting_word(struct group_commit *g, int number)
{
    return &g->waiting[number / WAITING_BITS];
}

static uint64_t waiting_bit(int number)
{
    return (uint64_t)1 << (number % WAITING_BITS);
}

static void note_waiting(struct group_commit *g, int number)
{
    atomic_fetch_or(waiting_word(g, number), waiting_bit(number));
}

/* The first place at or behind `from` whose bit is set; -1: none. */
static int next_waiting(struct group_commit *g, int from, int to)
{
    while (from < to) {
        uint64_t word =
            atomic_load(waiting_word(g, from)) >> (from % WAITING_BITS);

        if (word) {
            int at = from + __builtin_ctzll(word);

            return at < to ? at : -1;
        }
        from += WAITING_BITS - from % WAITING_BITS;
    }
    return -1;
}

/* ---- the lead ---- */

/* Its owner died: what it had taken waits again, and nobody was called. */
static void take_over(struct group_commit *g)
{
    int rc = pthread_mutex_consistent(&g->lead);

    assert(rc == 0);
    for (int i = 0; i < g->places; i++) {
        uint32_t word = atomic_load(&g->place[i].word);

        if (phase_of(word) == PLACE_TAKEN)
            move_phase(&g->place[i], word, PLACE_WAITING);
        if (phase_of(word) != PLACE_IDLE && phase_of(word) != PLACE_DONE)
            note_waiting(g, i);
    }
}

static bool lead_try(struct group_commit *g)
{
    int rc = pthread_mutex_trylock(&g->lead);

    assert(rc == 0 || rc == EBUSY || rc == EOWNERDEAD);
    if (rc == EOWNERDEAD)
        take_over(g);
    return rc != EBUSY;
}

static bool lead_wait(struct group_commit *g, struct deadline d)
{
    struct timespec at = {.tv_sec = d.at_ms / 1000,
                          .tv_nsec = d.at_ms % 1000 * 1000000};
    int rc = pthread_mutex_clocklock(&g->lead, CLOCK_MONOTONIC, &at);

    assert(rc == 0 || rc == ETIMEDOUT || rc == EOWNERDEAD);
    if (rc == EOWNERDEAD)
        take_over(g);
    return rc != ETIMEDOUT;
}

static bool call_place(struct group_commit *g, int number)
{
    struct place *at = &g->place[number];
    uint32_t word = atomic_load(&at->word);

    if (phase_of(word) == PLACE_CALLED)
        return true; /* and on its way */
    if (phase_of(word) != PLACE_WAITING || !move_phase(at, word, PLACE_CALLED))
        return false;
    place_wake(at);
    return true;
}

/*
 * Gives the lead back and calls one of those who wait. In this order: who put
 * its request there and then found the lead taken is seen here.
 */
static void lead_over(struct group_commit *g)
{
    int first = g->next;
    int rc = pthread_mutex_unlock(&g->lead);

    assert(rc == 0);
    for (int i = first; (i = next_waiting(g, i, g->places)) >= 0; i++)
        if (call_place(g, i))
            return;
    for (int i = 0; (i = next_waiting(g, i, first)) >= 0; i++)
        if (call_place(g, i))
            return;
}

/* ---- a group ---- */

struct gathering {
    struct group_commit *g;
    struct group_row *row; /* GROUP_ROWS_MAX */
    int number[GROUP_ROWS_MAX];
    size_t n, bytes;
};

static void place_tell(struct group_commit *g, int number,
                       const struct group_row *r)
{
    struct place *at = &g->place[number];
    uint32_t word = atomic_load(&at->word);
    bool moved;

    assert(phase_of(word) == PLACE_TAKEN);
    at->st = r->st;
    at->err = r->err;
    memcpy(at->result, r->result, sizeof at->result);
    moved = move_phase(at, word, PLACE_DONE);
    assert(moved); /* a taken place is the leader's */
    place_wake(at);
}

static void take_row(struct gathering *all, int number)
{
    struct group_commit *g = all->g;
    struct place *at = &g->place[number];
    struct group_row *r = &all->row[all->n];
    uint32_t word = atomic_load(&at->word);

    atomic_fetch_and(waiting_word(g, number), ~waiting_bit(number));
    /* Withdrawn, or done already by whoever took over. */
    if (phase_of(word) != PLACE_WAITING && phase_of(word) != PLACE_CALLED)
        return;
    if (!move_phase(at, word, PLACE_TAKEN))
        return;
    *r = (struct group_row){
        .request = {g->requests + (size_t)number * GROUP_REQUEST_MAX, at->n},
        .deadline = at->deadline,
        .st = ST_INTERNAL};
    if (deadline_over(at->deadline)) {
        r->st = err_set(&r->err, ST_TIMEOUT, NULL,
                        "no time was left when its turn to write came");
        place_tell(g, number, r);
        return;
    }
    all->number[all->n++] = number;
    all->bytes += at->n;
}

static bool gathered_enough(const struct gathering *all)
{
    return all->n == GROUP_ROWS_MAX || all->bytes > GROUP_BYTES_MAX;
}

/* The leader's own first, then round the table from where the last one ended.
 */
static void rows_gather(struct gathering *all, int own)
{
    struct group_commit *g = all->g;
    int first = g->next < g->places ? g->next : 0;
    const int range[2][2] = {{first, g->places}, {0, first}};

    take_row(all, own);
    for (int k = 0; k < 2; k++)
        for (int i = range[k][0]; !gathered_enough(all) &&
                                  (i = next_waiting(g, i, range[k][1])) >= 0;
             i++) {
            take_row(all, i);
            g->next = i + 1;
        }
}

/* With the lead. */
static void lead_group(const struct group_place *p, group_write write,
                       void *ctx)
{
    struct group_row row[GROUP_ROWS_MAX];
    struct gathering all = {.g = p->group, .row = row};

    rows_gather(&all, p->number);
    if (all.n) {
        fault_point("group.taken");
        write(ctx, row, all.n);
        fault_point("group.written");
    }
    for (size_t i = 0; i < all.n; i++)
        place_tell(p->group, all.number[i], &row[i]);
    fault_point("group.told");
}

/* ---- one write ---- */

/* An earlier write of this place may be there, whose process gave up or died:
 * it is taken back, or a leader has it. */
static enum status await_idle(const struct group_place *p, struct deadline d,
                              struct err *err)
{
    struct place *at = &p->group->place[p->number];

    for (;;) {
        uint32_t word = atomic_load(&at->word);

        if (phase_of(word) == PLACE_IDLE || phase_of(word) == PLACE_DONE)
            return ST_OK;
        if (deadline_over(d))
            return err_set(err, ST_TIMEOUT, NULL,
                           "an earlier write is still under way");
        if (phase_of(word) != PLACE_TAKEN)
            (void)move_phase(at, word, PLACE_IDLE);
        else if (lead_try(p->group)) /* its leader died */
            lead_over(p->group);
        else
            wait_for_change(at, word, LOOK_AGAIN_MS);
    }
}

static enum status put_request(const struct group_place *p,
                               const struct str *part, size_t parts,
                               struct deadline d, struct err *err)
{
    struct place *at = &p->group->place[p->number];
    char *to = p->group->requests + (size_t)p->number * GROUP_REQUEST_MAX;
    size_t n = 0;
    uint32_t ticket;

    for (size_t i = 0; i < parts; i++) {
        if (part[i].n > GROUP_REQUEST_MAX - n)
            return err_set(err, ST_TOO_LARGE, NULL,
                           "a write of more than %zu bytes", GROUP_REQUEST_MAX);
        if (part[i].n)
            memcpy(to + n, part[i].p, part[i].n);
        n += part[i].n;
    }
    at->n = n;
    at->deadline = d;
    ticket = (atomic_load(&at->word) >> PHASE_BITS) + 1;
    atomic_store(&at->word, ticket << PHASE_BITS | PLACE_WAITING);
    note_waiting(p->group, p->number);
    return ST_OK;
}

static enum status row_withdraw(struct place *at, uint32_t word,
                                struct err *err)
{
    /* In vain when it is taken: then it may be written. */
    if (phase_of(word) != PLACE_TAKEN)
        (void)move_phase(at, word, PLACE_IDLE);
    return err_set(err, ST_TIMEOUT, NULL,
                   "its turn to write did not come in time");
}

static enum status result_fetch(const struct group_place *p, uint32_t word,
                                unsigned char result[GROUP_RESULT_MAX],
                                struct err *err)
{
    struct place *at = &p->group->place[p->number];
    char *request = p->group->requests + (size_t)p->number * GROUP_REQUEST_MAX;
    enum status st = at->st;

    memcpy(result, at->result, GROUP_RESULT_MAX);
    if (st != ST_OK)
        (void)err_set(err, st, at->err.code, "%s", at->err.text);
    if (at->n > PLACE_KEEP)
        (void)madvise(request + PLACE_KEEP, GROUP_REQUEST_MAX - PLACE_KEEP,
                      MADV_REMOVE);
    (void)move_phase(at, word, PLACE_IDLE);
    return st;
}

enum status group_commit(const struct group_place *p, const struct str *part,
                         size_t parts, struct deadline d, group_write write,
                         void *ctx, unsigned char result[GROUP_RESULT_MAX],
                         struct err *err)
{
    struct place *at = &p->group->place[p->number];
    int64_t half = deadline_left_ms(d) / 2;
    int64_t least = half < LEAD_LEAST_MS ? half : LEAD_LEAST_MS;
    enum status st;

    assert(p->number >= 0 && p->number < p->group->places);
    if ((st = await_idle(p, d, err)) != ST_OK ||
        (st = put_request(p, part, parts, d, err)) != ST_OK)
        return st;
    for (;;) {
        uint32_t word = atomic_load(&at->word);
        int64_t left = deadline_left_ms(d);

        if (phase_of(word) == PLACE_DONE)
            return result_fetch(p, word, result, err);
        if (left == 0 || (left < least && phase_of(word) == PLACE_CALLED))
            return row_withdraw(at, word, err);
        if (left >= least && lead_try(p->group)) {
            lead_group(p, write, ctx);
            lead_over(p->group);
        } else {
            wait_for_change(at, word,
                            left < LOOK_AGAIN_MS ? left : LOOK_AGAIN_MS);
        }
    }
}

/* ---- a write of one's own ---- */

enum status group_turn(const struct group_place *p, struct deadline d,
                       struct err *err)
{
    if (!p->group || lead_wait(p->group, d))
        return ST_OK;
    return err_set(err, ST_TIMEOUT, NULL,
                   "other processes were writing all the time");
}

void group_turn_over(const struct group_place *p)
{
    if (p->group)
        lead_over(p->group);
}

/* scoreboard_view.c - the scoreboard, as others see it. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "host/scoreboard_impl.h"

const char *slot_role_name(enum slot_role role)
{
    static const char *const names[ROLE_COUNT] = {
        [ROLE_WORKER] = "worker",
        [ROLE_MAINTENANCE] = "maintenance",
        [ROLE_SENDER] = "sender",
        [ROLE_MONITOR] = "monitor",
    };

    assert(role < ROLE_COUNT);
    return names[role];
}

const char *slot_state_name(const struct slot_view *v)
{
    if (v->draining)
        return "draining";
    switch (v->state) {
    case SLOT_FREE:
        return "free";
    case SLOT_STARTING:
        return "starting";
    case SLOT_IDLE:
        return "idle";
    case SLOT_BUSY:
        return "busy";
    }
    return "unknown"; /* a word from a file of somebody else's making */
}

static int64_t process_rss(pid_t pid)
{
    char path[64], text[128];
    long long pages;
    FILE *f;
    bool ok;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    if (!(f = fopen(path, "re")))
        return -1;
    ok = fgets(text, sizeof text, f) && sscanf(text, "%*s %lld", &pages) == 1;
    fclose(f);
    return ok ? pages * sysconf(_SC_PAGESIZE) : -1;
}

/* ---- readers ---- */

static enum status board_check(const struct scoreboard *b, struct err *err)
{
    const struct board *m = b->board;

    if (memcmp(m->magic, BOARD_MAGIC, sizeof m->magic) != 0 ||
        m->size != sizeof *m || m->slot_size != sizeof(struct slot) ||
        m->stats_size != sizeof(struct stats))
        return err_set(err, ST_CORRUPT, "scoreboard_version",
                       "%s is of another version of the program", b->path);
    if (process_start(m->master) != m->master_start)
        return err_set(err, ST_UNAVAILABLE, "not_running",
                       "the service is not running (%s was left by process "
                       "%d, which is gone)",
                       b->path, m->master);
    return ST_OK;
}

enum status scoreboard_open(const char *path, struct scoreboard **out,
                            struct err *err)
{
    struct scoreboard *b = scoreboard_new(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum status st;

    if (fd < 0) {
        st = err_set(err, ST_UNAVAILABLE, "not_running",
                     "the service is not running (%s: %m)", path);
    } else {
        st = board_map(fd, PROT_READ, b, err);
        close(fd);
    }
    if (st == ST_OK)
        st = board_check(b, err);
    if (st != ST_OK)
        scoreboard_close(&b);
    *out = b;
    return st;
}

void scoreboard_close(struct scoreboard **bp)
{
    struct scoreboard *b = *bp;

    if (!b)
        return;
    if (b->board)
        munmap(b->board, sizeof *b->board);
    free(b->path);
    free(b);
    *bp = NULL;
}

static void text_load(const _Atomic uint64_t *words, size_t size, char *out)
{
    for (size_t i = 0; i < TEXT_WORDS(size); i++) {
        uint64_t w = atomic_load_explicit(&words[i], memory_order_relaxed);

        memcpy(out + i * 8, &w, 8);
    }
    out[size - 1] = '\0';
}

/* Both texts as they stood together; empty if the writer never let us. */
static void slot_texts(const struct slot *s, struct slot_view *out)
{
    /* A writer is done in less than a microsecond, unless it was killed there.
     */
    for (int tries = 0; tries < 1000; tries++) {
        uint32_t turn = atomic_load(&s->turn);

        text_load(s->route, SCOREBOARD_ROUTE_MAX, out->route);
        text_load(s->request_id, SCOREBOARD_ID_MAX, out->request_id);
        atomic_thread_fence(memory_order_seq_cst);
        if (turn % 2 == 0 && atomic_load(&s->turn) == turn)
            return;
    }
    out->route[0] = out->request_id[0] = '\0';
}

void scoreboard_slot(const struct scoreboard *b, int slot,
                     struct slot_view *out)
{
    const struct slot *s = slot_of(b, slot);
    uint32_t role = atomic_load(&s->role);
    /* Before the deadline, which is written before the state. */
    enum slot_state state = atomic_load(&s->state);

    *out = (struct slot_view){
        .state = state,
        .role = role < ROLE_COUNT ? role : ROLE_WORKER,
        .draining = atomic_load(&s->draining),
        .number = atomic_load(&s->number),
        .pid = atomic_load(&s->pid),
        .generation = atomic_load(&s->generation),
        .requests = atomic_load(&s->requests),
        .deadline = {atomic_load(&s->deadline_ms)},
        .since_ms = atomic_load(&s->since_ms),
        .alive_ms = atomic_load(&s->alive_ms),
        .rss_bytes = -1,
    };
    slot_texts(s, out);
}

bool scoreboard_takes(const struct scoreboard *b, int64_t within_ms,
                      struct err *err)
{
    int64_t since = clock_mono_ms() - within_ms;
    int workers = 0, busy = 0;

    for (int i = 0; i < SCOREBOARD_SLOTS && i < board_used(b->board); i++) {
        struct slot_view v;

        scoreboard_slot(b, i, &v);
        if (v.role != ROLE_WORKER || v.draining || v.state == SLOT_FREE)
            continue;
        if ((v.state == SLOT_IDLE && v.alive_ms >= since) ||
            (v.state == SLOT_BUSY && v.since_ms >= since))
            return true;
        workers++;
        busy += v.state == SLOT_BUSY;
    }
    err_set(err, ST_UNAVAILABLE, "no_worker",
            "none of %d workers has taken a call within %lld ms (%d busy)",
            workers, (long long)within_ms, busy);
    return false;
}

int board_used(const struct board *m)
{
    uint32_t used = atomic_load(&m->used);

    return used < SCOREBOARD_SLOTS ? (int)used : SCOREBOARD_SLOTS;
}

/* What a slot's processes counted, those that have gone, too. */
static void view_counted(const struct stats *s, struct board_view *out)
{
    for (int c = 0; c < STAT_COUNT; c++)
        out->counters[c] += stat_get(s, (enum counter)c);
    for (int h = 0; h < HISTOGRAM_COUNT; h++)
        histogram_sum(s, (enum histogram_name)h, &out->histograms[h]);
}

void scoreboard_view(const struct scoreboard *b, struct arena *a,
                     struct board_view *out)
{
    const struct board *m = b->board;
    int used = board_used(m);

    *out = (struct board_view){
        .version =
            arena_z(a, (struct str){m->version, strnlen(m->version, 32)}),
        .master = m->master,
        .started_us = m->started_us,
        .generation = atomic_load(&m->generation),
        .slots = arena_alloc_n(a, (size_t)used + 1, sizeof *out->slots),
    };
    for (int i = 0; i < used; i++) {
        view_counted(&m->slots[i].stats, out);
        scoreboard_slot(b, i, &out->slots[out->n]);
        /* Without a process id it is just being forked; 0 would be the
         * reader's own process group to whoever sends a signal there. */
        if (out->slots[out->n].state == SLOT_FREE ||
            out->slots[out->n].pid == 0)
            continue;
        for (int g = 0; g < GAUGE_COUNT; g++)
            out->gauges[g] += gauge_get(&m->slots[i].stats, (enum gauge)g);
        out->slots[out->n].rss_bytes = process_rss(out->slots[out->n].pid);
        out->n++;
    }
}

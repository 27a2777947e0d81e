#include "config.h"
#include "host/scoreboard_impl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The 22nd field of /proc/PID/stat; 0 when there is no such process. */
uint64_t process_start(pid_t pid)
{
    char path[64], text[1024], *p;
    ssize_t n;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        return 0;
    n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    /* The second field is the program's name and may hold blanks. */
    p = strrchr(text, ')');
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    return p ? strtoull(p, NULL, 10) : 0;
}

/* ---- the master ---- */

static void board_init(struct board *m)
{
    memcpy(m->magic, BOARD_MAGIC, sizeof m->magic);
    m->size = sizeof *m;
    m->slot_size = sizeof(struct slot);
    m->stats_size = sizeof(struct stats);
    m->master = getpid();
    m->master_start = process_start(m->master);
    m->started_us = clock_wall_us();
    snprintf(m->version, sizeof m->version, "%s", PACKAGE_VERSION);
    atomic_store(&m->generation, 1);
}

enum status board_map(int fd, int prot, struct scoreboard *b, struct err *err)
{
    struct stat st;
    void *p;

    if (fstat(fd, &st) != 0)
        return err_set(err, ST_UNAVAILABLE, "scoreboard", "%s: fstat: %m",
                       b->path);
    if (st.st_size != (off_t)sizeof(struct board))
        return err_set(err, ST_CORRUPT, "scoreboard_version",
                       "%s is of another version of the program", b->path);
    p = mmap(NULL, sizeof(struct board), prot, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return err_set(err, ST_UNAVAILABLE, "scoreboard", "%s: mmap: %m",
                       b->path);
    b->board = p;
    b->dev = st.st_dev;
    b->ino = st.st_ino;
    return ST_OK;
}

struct scoreboard *scoreboard_new(const char *path)
{
    struct scoreboard *b = calloc(1, sizeof *b);

    assert(b);
    b->path = strdup(path);
    assert(b->path);
    return b;
}

/* A new file, sized, mapped and filled, under the name `temp`. */
static enum status board_make(const char *temp, struct scoreboard *b,
                              struct err *err)
{
    enum status st = ST_OK;
    int fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd < 0)
        return err_set(err, ST_UNAVAILABLE, "scoreboard",
                       "%s cannot be made: %m", temp);
    if (ftruncate(fd, sizeof(struct board)) != 0)
        st = err_set(err, ST_UNAVAILABLE, "scoreboard", "%s: ftruncate: %m",
                     temp);
    if (st == ST_OK)
        st = board_map(fd, PROT_READ | PROT_WRITE, b, err);
    close(fd);
    if (st == ST_OK)
        board_init(b->board);
    return st;
}

enum status scoreboard_create(const char *path, struct scoreboard **out,
                              struct err *err)
{
    struct scoreboard *b = scoreboard_new(path);
    enum status st;
    char *temp;

    if (asprintf(&temp, "%s.%d", path, (int)getpid()) < 0)
        assert(!"memory");
    /* Left by a master of the same process id that was killed just here. */
    if (unlink(temp) != 0 && errno != ENOENT)
        st = err_set(err, ST_UNAVAILABLE, "scoreboard", "unlink %s: %m", temp);
    else
        st = board_make(temp, b, err);
    if (st == ST_OK && rename(temp, path) != 0) {
        st = err_set(err, ST_UNAVAILABLE, "scoreboard", "rename to %s: %m",
                     path);
        unlink(temp);
    }
    free(temp);
    if (st != ST_OK)
        scoreboard_close(&b);
    *out = b;
    return st;
}

void scoreboard_remove(struct scoreboard *b)
{
    struct stat st;

    /* Another master may have put his own there since. */
    if (stat(b->path, &st) == 0 && st.st_dev == b->dev && st.st_ino == b->ino)
        unlink(b->path);
}

void scoreboard_generation(struct scoreboard *b, unsigned generation)
{
    const struct agreed *was = scoreboard_agreed(b);
    struct agreed *is = &b->board->agreed[generation % 2];

    agreed_tell(is, atomic_load(&was->timeout_ms), atomic_load(&was->read_us));
    atomic_store(&is->objects, atomic_load(&was->objects));
    atomic_store(&is->records, atomic_load(&was->records));
    atomic_store(&b->board->generation, generation);
}

struct slot *slot_of(const struct scoreboard *b, int slot)
{
    assert(slot >= 0 && slot < SCOREBOARD_SLOTS);
    return &b->board->slots[slot];
}

int scoreboard_take(struct scoreboard *b, enum slot_role role, int number,
                    unsigned generation, struct deadline started)
{
    assert(role < ROLE_COUNT && number >= 0);
    for (int i = 0; i < SCOREBOARD_SLOTS; i++) {
        struct slot *s = slot_of(b, i);

        if (atomic_load(&s->state) != SLOT_FREE)
            continue;
        atomic_store(&s->role, role);
        atomic_store(&s->number, number);
        atomic_store(&s->generation, generation);
        atomic_store(&s->draining, 0);
        atomic_store(&s->pid, 0);
        atomic_store(&s->requests, 0);
        atomic_store(&s->since_ms, clock_mono_ms());
        atomic_store(&s->deadline_ms, started.at_ms);
        scoreboard_request(b, i, STR_NONE, STR_NONE);
        stats_new_process(&s->stats);
        /* The state last: until then readers pass the slot over. */
        atomic_store(&s->state, SLOT_STARTING);
        if (atomic_load(&b->board->used) <= (uint32_t)i)
            atomic_store(&b->board->used, (uint32_t)i + 1);
        return i;
    }
    return -1;
}

void scoreboard_pid(struct scoreboard *b, int slot, pid_t pid)
{
    assert(pid > 0); /* 0 is a slot that is being forked for */
    atomic_store(&slot_of(b, slot)->pid, pid);
}

void scoreboard_draining(struct scoreboard *b, int slot)
{
    atomic_store(&slot_of(b, slot)->draining, 1);
}

void scoreboard_release(struct scoreboard *b, int slot)
{
    share_take_back(&b->board->share, slot);
    atomic_store(&slot_of(b, slot)->state, SLOT_FREE);
}

/* ---- the process that has the slot ---- */

struct agreed *scoreboard_agreed(struct scoreboard *b)
{
    return &b->board->agreed[atomic_load(&b->board->generation) % 2];
}

struct share *scoreboard_share(struct scoreboard *b)
{
    return &b->board->share;
}

struct stats *scoreboard_stats(struct scoreboard *b, int slot)
{
    return &slot_of(b, slot)->stats;
}

/* The deadline of before stays: who has just seen the slot busy reads it next
 * (scoreboard_slot), and one that is over would be taken for this one's. */
void scoreboard_idle(struct scoreboard *b, int slot)
{
    struct slot *s = slot_of(b, slot);

    atomic_store(&s->since_ms, clock_mono_ms());
    scoreboard_alive(b, slot);
    atomic_store(&s->state, SLOT_IDLE);
}

void scoreboard_busy(struct scoreboard *b, int slot, struct deadline d)
{
    struct slot *s = slot_of(b, slot);

    scoreboard_request(b, slot, STR_NONE, STR_NONE);
    atomic_store(&s->deadline_ms, d.at_ms);
    atomic_store(&s->since_ms, clock_mono_ms());
    atomic_store(&s->state, SLOT_BUSY);
}

static void text_store(_Atomic uint64_t *words, size_t size, struct str text)
{
    size_t n = text.n < size - 1 ? text.n : size - 1;

    for (size_t i = 0; i < TEXT_WORDS(size); i++) {
        size_t at = i * 8, left = at < n ? n - at : 0;
        uint64_t w = 0;

        if (left > 0)
            memcpy(&w, text.p + at, left < 8 ? left : 8);
        atomic_store_explicit(&words[i], w, memory_order_relaxed);
    }
}

void scoreboard_request(struct scoreboard *b, int slot, struct str route,
                        struct str request_id)
{
    struct slot *s = slot_of(b, slot);
    /* Odd already when the last process here was killed while writing. */
    uint32_t turn = atomic_load(&s->turn) | 1;

    atomic_store(&s->turn, turn);
    atomic_thread_fence(memory_order_seq_cst);
    text_store(s->route, SCOREBOARD_ROUTE_MAX, route);
    text_store(s->request_id, SCOREBOARD_ID_MAX, request_id);
    atomic_store(&s->turn, turn + 1);
}

void scoreboard_extend(struct scoreboard *b, int slot, struct deadline d)
{
    atomic_store_explicit(&slot_of(b, slot)->deadline_ms, d.at_ms,
                          memory_order_relaxed);
}

void scoreboard_alive(struct scoreboard *b, int slot)
{
    atomic_store_explicit(&slot_of(b, slot)->alive_ms, clock_mono_ms(),
                          memory_order_relaxed);
}

int64_t scoreboard_gauge(const struct scoreboard *b, enum gauge g)
{
    int64_t sum = 0;

    for (int i = 0; i < board_used(b->board); i++) {
        const struct slot *s = slot_of(b, i);

        if (atomic_load(&s->state) != SLOT_FREE)
            sum += gauge_get(&s->stats, g);
    }
    return sum;
}

void scoreboard_served(struct scoreboard *b, int slot)
{
    atomic_fetch_add_explicit(&slot_of(b, slot)->requests, 1,
                              memory_order_relaxed);
}

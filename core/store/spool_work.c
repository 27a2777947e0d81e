/* spool_work.c - what the spool owes, worked off. */
#include "store/spool_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/folder.h"

void spool_set_aside(struct spool *s, enum debt_kind kind, const char *name)
{
    const char *slash = strrchr(name, '/');
    char aside[80];
    struct log_value space;

    snprintf(aside, sizeof aside, ".damaged-%.60s", slash ? slash + 1 : name);
    log_line(LOG_ERROR, "spool_entry_damaged", "name=%s kept_as=.damaged-*",
             log_quoted(str_of(name), &space));
    if (renameat(s->kind[kind], name, s->kind[kind], aside))
        log_line(LOG_ERROR, "spool_entry_stays", "name=%s errno=%d",
                 log_quoted(str_of(name), &space), errno);
}

/* ---- whose turn it is ---- */

/*
 * When an entry fails, its file is given the time at which its pause is over
 * for the time of its last change. When that was done is the time of the last
 * change of the file's state, which the system keeps itself: so the two say
 * how long the pause is. Of an entry that never failed the second is not
 * before the first, nor of a driver's folder to which a debt was added since.
 */
struct turn {
    const char *name;
    int64_t pause_ms; /* since it failed; 0: it never did */
    bool waits;
};

static int64_t timespec_ms(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000 + t->tv_nsec / 1000000;
}

static struct turn turn_of(struct spool *s, enum debt_kind kind,
                           const char *name)
{
    int64_t now = clock_wall_us() / 1000, until, pause;
    struct turn turn = {.name = name};
    struct stat st;

    if (debt_place(kind) == PLACE_LATER ||
        fstatat(s->kind[kind], name, &st, AT_SYMLINK_NOFOLLOW))
        return turn;
    until = timespec_ms(&st.st_mtim);
    pause = until - timespec_ms(&st.st_ctim);
    /* A clock that was wrong makes no pause that is longer than any. */
    if (pause <= 0 || until > now + PAUSE_MAX_MS)
        return turn;
    turn.pause_ms = pause;
    turn.waits = now < until;
    return turn;
}

static void turn_pause(int fd, const char *name, int64_t pause_ms)
{
    int64_t until = clock_wall_us() / 1000 + pause_ms;
    const struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000}};
    struct log_value space;

    if (futimens(fd, times))
        log_line(LOG_WARN, "spool_entry_without_pause", "name=%s errno=%d",
                 log_quoted(str_of(name), &space), errno);
}

/* Whether the debt is settled. */
static bool turn_take(struct spool *s, const struct turn *turn,
                      const struct debt *debt, int fd, spool_each each,
                      void *ctx)
{
    int64_t began = clock_mono_ms();

    switch (each(ctx, debt)) {
    case SPOOL_SETTLED:
        return true;
    case SPOOL_FAILED:
        turn_pause(fd, turn->name,
                   pause_next(turn->pause_ms, clock_mono_ms() - began));
        break;
    case SPOOL_UNTRIED:
        break;
    }
    /* One that failed the first time is counted among those that wait. */
    s->failing[debt->kind] += turn->pause_ms > 0;
    return false;
}

/* ---- EACH ---- */

/*
    The entry, locked; e->fd is -1 when another works on it or has finished it.
 */
static enum status each_take(struct spool *s, enum debt_kind kind,
                             const char *name, struct spool_entry *e,
                             struct err *err)
{
    bool locked = false;
    enum status st;

    *e = (struct spool_entry){.kind = kind};
    snprintf(e->name, sizeof e->name, "%s", name);
    e->fd = openat(s->kind[kind], name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (e->fd < 0 && errno == ENOENT)
        return ST_OK;
    if (e->fd < 0)
        return file_errno(err, "open spool entry", name);
    st = file_lock_try(e->fd, &locked, err);
    if (!locked)
        spool_leave(s, e);
    return st;
}

static bool each_read(int fd, char text[ENTRY_MAX + 1], struct debt *out)
{
    ssize_t n = pread(fd, text, ENTRY_MAX + 1, 0);
    const char *line = n > 0 ? memchr(text, '\n', (size_t)n) : NULL;

    if (!line)
        return false;
    out->user_id = (struct str){text, (size_t)(line - text)};
    out->trip_id = (struct str){line + 1, (size_t)(text + n - line - 1)};
    return id_valid(out->user_id) && id_valid(out->trip_id);
}

/*
    Entries are complete before they have their name; but when the machine stops
    before spool_keep, the name may be on the disk without them.
 */
static bool each_never_kept(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_size == 0;
}

static enum status each_work(struct spool *s, enum debt_kind kind,
                             const struct turn *turn, spool_each each,
                             void *ctx, struct err *err)
{
    struct debt debt = {.kind = kind, .pause_ms = turn->pause_ms};
    char text[ENTRY_MAX + 1];
    struct spool_entry e;
    enum status st = each_take(s, kind, turn->name, &e, err);

    if (st != ST_OK || e.fd < 0)
        return st;
    if (each_never_kept(e.fd))
        spool_done(s, &e);
    else if (!each_read(e.fd, text, &debt))
        spool_set_aside(s, kind, turn->name);
    else if (turn_take(s, turn, &debt, e.fd, each, ctx))
        spool_done(s, &e);
    spool_leave(s, &e);
    return ST_OK;
}

/* ---- DRIVER ---- */

static enum status driver_forget(int kind, const char *user, int folder,
                                 const struct folder_names *entries,
                                 struct err *err)
{
    for (size_t i = 0; i < entries->n; i++)
        if (unlinkat(folder, entries->v[i], 0) && errno != ENOENT)
            return file_errno(err, "remove a spool entry of", user);
    /* Newer entries keep the folder there. */
    if (unlinkat(kind, user, AT_REMOVEDIR) && errno != ENOTEMPTY &&
        errno != EEXIST && errno != ENOENT)
        return file_errno(err, "remove folder", user);
    return ST_OK;
}

static enum status driver_work(struct spool *s, enum debt_kind kind,
                               const struct turn *turn, spool_each each,
                               void *ctx, struct err *err)
{
    const char *user = turn->name;
    const struct debt debt = {
        .kind = kind, .user_id = str_of(user), .pause_ms = turn->pause_ms};
    struct arena *a;
    struct folder_names entries;
    enum status st;
    int folder;

    if (!id_valid(debt.user_id)) {
        spool_set_aside(s, kind, user);
        return ST_OK;
    }
    folder = spool_open_below(s->kind[kind], user);
    if (folder < 0 && errno == ENOENT)
        return ST_OK; /* another process settled it */
    if (folder < 0)
        return file_errno(err, "open folder", user);
    a = arena_new(0);
    st = folder_names(folder, NAMES_PLAIN, a, &entries, err);
    if (st == ST_OK && turn_take(s, turn, &debt, folder, each, ctx))
        st = driver_forget(s->kind[kind], user, folder, &entries, err);
    arena_free(&a);
    close(folder);
    return st;
}

/* ---- either ---- */

static enum status work_one(struct spool *s, enum debt_kind kind,
                            const struct turn *turn, spool_each each, void *ctx,
                            struct err *err)
{
    switch (debt_place(kind)) {
    case PLACE_EACH:
        return each_work(s, kind, turn, each, ctx, err);
    case PLACE_DRIVER:
        return driver_work(s, kind, turn, each, ctx, err);
    case PLACE_LATER:
        return later_work(s, kind, turn->name, each, ctx, err);
    }
    return ST_OK;
}

struct working {
    enum debt_kind kind;
    spool_each each;
    void *ctx;
};

/* One that cannot be handled is left alone for a while, too. */
static enum status work_odd(struct spool *s, const struct working *w,
                            const struct turn *turn, struct err *err)
{
    char path[NAME_MAX + 32];
    int64_t began = clock_mono_ms();
    enum status st;

    snprintf(path, sizeof path, "%s/%s", debt_folder(w->kind), turn->name);
    if (pauses_last(s->odd, str_of(path))) {
        s->failing[w->kind]++;
        return ST_OK;
    }
    st = work_one(s, w->kind, turn, w->each, w->ctx, err);
    if (st != ST_OK) {
        s->failing[w->kind]++;
        pauses_failed(s->odd, str_of(path), STR_NONE, clock_mono_ms() - began);
    }
    return st;
}

/* Those that never failed, or those that did. */
static enum status work_turn(struct spool *s, const struct working *w,
                             bool failed, const struct folder_names *names,
                             struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < names->n; i++) {
        struct turn turn = turn_of(s, w->kind, names->v[i]);
        enum status one;

        if ((turn.pause_ms > 0) != failed)
            continue;
        if (turn.waits) {
            s->failing[w->kind]++;
            continue;
        }
        one = work_odd(s, w, &turn, st == ST_OK ? err : NULL);
        st = st == ST_OK ? one : st;
    }
    return st;
}

enum status spool_work(struct spool *s, enum debt_kind kind, spool_each each,
                       void *ctx, struct err *err)
{
    struct arena *a = arena_new(0);
    struct folder_names names = {0};
    const struct working w = {kind, each, ctx};
    enum status st = spool_reach(s, err), again;

    if (st == ST_OK)
        st = folder_sweep(s->kind[kind], err);
    if (st == ST_OK)
        st = folder_names(s->kind[kind], NAMES_PLAIN, a, &names, err);
    s->failing[kind] = 0;
    if (st == ST_OK)
        st = work_turn(s, &w, false, &names, err);
    again = work_turn(s, &w, true, &names, st == ST_OK ? err : NULL);
    arena_free(&a);
    return st == ST_OK ? again : st;
}

int64_t spool_failing(const struct spool *s)
{
    int64_t n = 0;

    for (int k = 0; k < DEBT_KINDS; k++)
        n += s->failing[k];
    return n;
}

enum status spool_count(struct spool *s, enum debt_kind kind, int64_t *out,
                        struct err *err)
{
    struct arena *a = arena_new(0);
    struct folder_names names;
    enum status st = spool_reach(s, err);

    if (st == ST_OK)
        st = folder_names(s->kind[kind], NAMES_PLAIN, a, &names, err);
    if (st == ST_OK && debt_place(kind) == PLACE_LATER)
        st = later_count(s, kind, &names, out, err);
    else if (st == ST_OK)
        *out = (int64_t)names.n;
    arena_free(&a);
    return st;
}

/*
 * spool_later.c - debts that fall due later: one for each trip under way, of
 * which nearly all are taken back before.
 *
 * An entry is an empty file, named by the trip, in a folder named by when it
 * falls due. So it is made by one call and taken back by one, and a look at
 * many thousands of them reads the few names of folders: those that are not due
 * are not opened.
 */
#include "store/spool_impl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/folder.h"

#define DUE_DIGITS 16 /* so that names sort by time */
#define DUE_MAX 24
#define TRIES 10

static void later_folder(int64_t due_ms, char out[DUE_MAX])
{
    assert(due_ms >= 0);
    snprintf(out, DUE_MAX, "%0*" PRId64, DUE_DIGITS, due_ms);
}

static bool later_due(const char *folder, int64_t *due_ms)
{
    return strlen(folder) == DUE_DIGITS && str_to_i64(str_of(folder), due_ms) &&
           *due_ms >= 0;
}

static void later_path(const struct debt *debt, char out[LATER_PATH_MAX])
{
    char folder[DUE_MAX];

    later_folder(debt->due_ms, folder);
    snprintf(out, LATER_PATH_MAX, "%s/%.*s", folder, STR_ARG(debt->trip_id));
}

/* The entry may be there already: then it is the same debt. */
static bool later_create(int kind, const char *path)
{
    int fd = openat(kind, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

    if (fd < 0)
        return false;
    close(fd);
    return true;
}

enum status later_add(struct spool *s, const struct debt *debt, struct err *err)
{
    char path[LATER_PATH_MAX], folder[DUE_MAX];
    int kind = s->kind[debt->kind];

    later_path(debt, path);
    later_folder(debt->due_ms, folder);
    /* Working off may remove the folder, still empty, in between. */
    for (int tries = 0; tries < TRIES; tries++) {
        if (later_create(kind, path))
            return ST_OK;
        if (errno != ENOENT || (mkdirat(kind, folder, 0750) && errno != EEXIST))
            break;
    }
    return file_errno(err, "make a spool entry", path);
}

void spool_take_back(struct spool *s, const struct debt *debt)
{
    char path[LATER_PATH_MAX];

    assert(debt_place(debt->kind) == PLACE_LATER && id_valid(debt->trip_id));
    later_path(debt, path);
    /* One that stays is looked at when it is due: no harm. */
    unlinkat(s->kind[debt->kind], path, 0);
}

/* ---- worked off ---- */

static enum status later_work_one(struct spool *s, struct debt *debt,
                                  int folder, const char *name, spool_each each,
                                  void *ctx, struct err *err)
{
    char path[LATER_PATH_MAX];

    debt->trip_id = str_of(name);
    if (!id_valid(debt->trip_id)) {
        snprintf(path, sizeof path, "%016" PRId64 "/%.*s", debt->due_ms, ID_MAX,
                 name);
        spool_set_aside(s, debt->kind, path);
        return ST_OK;
    }
    if (each(ctx, debt) != ST_OK)
        return ST_OK; /* kept for the next time */
    return unlinkat(folder, name, 0) && errno != ENOENT
               ? file_errno(err, "remove a spool entry of", name)
               : ST_OK;
}

static enum status later_work_folder(struct spool *s, struct debt *debt,
                                     const char *name, spool_each each,
                                     void *ctx, struct err *err)
{
    int kind = s->kind[debt->kind], folder = spool_open_below(kind, name);
    struct folder_names trips;
    struct arena *a;
    enum status st;

    if (folder < 0 && errno == ENOENT)
        return ST_OK; /* another process was quicker */
    if (folder < 0)
        return file_errno(err, "open folder", name);
    a = arena_new(0);
    st = folder_names(folder, NAMES_PLAIN, a, &trips, err);
    for (size_t i = 0; st == ST_OK && i < trips.n; i++)
        st = later_work_one(s, debt, folder, trips.v[i], each, ctx, err);
    /* What is kept, or came meanwhile, keeps the folder there. */
    if (st == ST_OK && unlinkat(kind, name, AT_REMOVEDIR) &&
        errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT)
        st = file_errno(err, "remove folder", name);
    arena_free(&a);
    close(folder);
    return st;
}

enum status later_work(struct spool *s, enum debt_kind kind, const char *name,
                       spool_each each, void *ctx, struct err *err)
{
    struct debt debt = {.kind = kind};

    if (!later_due(name, &debt.due_ms)) {
        spool_set_aside(s, kind, name);
        return ST_OK;
    }
    if (debt.due_ms > clock_wall_us() / 1000)
        return ST_OK;
    return later_work_folder(s, &debt, name, each, ctx, err);
}

enum status later_count(struct spool *s, enum debt_kind kind,
                        const struct folder_names *due, int64_t *out,
                        struct err *err)
{
    struct arena *a = arena_new(0);
    enum status st = ST_OK;

    *out = 0;
    for (size_t i = 0; st == ST_OK && i < due->n; i++) {
        int folder = spool_open_below(s->kind[kind], due->v[i]);
        struct folder_names trips;

        if (folder < 0)
            continue; /* worked off meanwhile, or no folder of ours */
        st = folder_names(folder, NAMES_PLAIN, a, &trips, err);
        if (st == ST_OK)
            *out += (int64_t)trips.n;
        close(folder);
        arena_reset(a);
    }
    arena_free(&a);
    return st;
}

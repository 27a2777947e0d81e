/* spool_work.c - what the spool owes, worked off. */
#include "store/spool_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
                             const char *name, spool_each each, void *ctx,
                             struct err *err)
{
    struct debt debt = {.kind = kind};
    char text[ENTRY_MAX + 1];
    struct spool_entry e;
    enum status st = each_take(s, kind, name, &e, err);

    if (st != ST_OK || e.fd < 0)
        return st;
    if (each_never_kept(e.fd))
        spool_done(s, &e);
    else if (!each_read(e.fd, text, &debt))
        spool_set_aside(s, kind, name);
    else if (each(ctx, &debt) == ST_OK)
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
                               const char *user, spool_each each, void *ctx,
                               struct err *err)
{
    const struct debt debt = {.kind = kind, .user_id = str_of(user)};
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
    if (st == ST_OK && each(ctx, &debt) == ST_OK)
        st = driver_forget(s->kind[kind], user, folder, &entries, err);
    arena_free(&a);
    close(folder);
    return st;
}

/* ---- either ---- */

static enum status work_one(struct spool *s, enum debt_kind kind,
                            const char *name, spool_each each, void *ctx,
                            struct err *err)
{
    switch (debt_place(kind)) {
    case PLACE_EACH:
        return each_work(s, kind, name, each, ctx, err);
    case PLACE_DRIVER:
        return driver_work(s, kind, name, each, ctx, err);
    case PLACE_LATER:
        return later_work(s, kind, name, each, ctx, err);
    }
    return ST_OK;
}

enum status spool_work(struct spool *s, enum debt_kind kind, spool_each each,
                       void *ctx, struct err *err)
{
    struct arena *a = arena_new(0);
    struct folder_names names = {0};
    enum status st = spool_reach(s, err);

    if (st == ST_OK)
        st = folder_sweep(s->kind[kind], err);
    if (st == ST_OK)
        st = folder_names(s->kind[kind], NAMES_PLAIN, a, &names, err);
    /* One entry that cannot be read does not keep the others waiting. */
    for (size_t i = 0; i < names.n; i++) {
        enum status one =
            work_one(s, kind, names.v[i], each, ctx, st == ST_OK ? err : NULL);

        st = st == ST_OK ? one : st;
    }
    arena_free(&a);
    return st;
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

/*
 * spool.c - the spool's folders, and entries as they come: owed, kept, done.
 * How they are worked off is in spool_work.c.
 */
#include "store/spool_impl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "store/folder.h"

#define ODD_MAX 64

static const struct {
    const char *folder, *words;
    enum debt_place place;
} kinds[DEBT_KINDS] = {
#define DEBT(name, folder, place, words) {folder, words, PLACE_##place},
#include "store/spool.def"
#undef DEBT
};

const char *debt_folder(enum debt_kind kind)
{
    return kinds[kind].folder;
}

const char *debt_words(enum debt_kind kind)
{
    return kinds[kind].words;
}

enum debt_place debt_place(enum debt_kind kind)
{
    return kinds[kind].place;
}

/* ---- folders ---- */

int spool_open_below(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static enum status spool_make_below(int at, const char *name, int *fd,
                                    struct err *err)
{
    enum status st = folder_make_at(at, name, err);

    if (st == ST_OK && (*fd = spool_open_below(at, name)) < 0)
        st = file_errno(err, "open folder", name);
    if (st == ST_OK && faccessat(*fd, ".", W_OK | X_OK, AT_EACCESS))
        st = file_errno(err, "write to folder", name);
    return st;
}

static void spool_close_folders(struct spool *s)
{
    for (int k = 0; k < DEBT_KINDS; k++) {
        if (s->kind[k] >= 0)
            close(s->kind[k]);
        s->kind[k] = -1;
    }
}

static enum status spool_open_folders(struct spool *s, struct err *err)
{
    int top;
    enum status st = folder_open(s->folder, &top, err);

    if (st == ST_OK) {
        for (int k = 0; st == ST_OK && k < DEBT_KINDS; k++)
            st = spool_make_below(top, kinds[k].folder, &s->kind[k], err);
        close(top);
    }
    if (st != ST_OK) {
        spool_close_folders(s);
        err_add(err, "server.spool = %s", s->folder);
    }
    return st;
}

static bool spool_leads_to(const char *folder, const char *name, int fd)
{
    char path[PATH_MAX + 32];
    struct stat there, ours;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return fd >= 0 && stat(path, &there) == 0 && fstat(fd, &ours) == 0 &&
           there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

enum status spool_reach(struct spool *s, struct err *err)
{
    bool all = true;

    for (int k = 0; k < DEBT_KINDS; k++)
        all = all && spool_leads_to(s->folder, kinds[k].folder, s->kind[k]);
    if (all)
        return ST_OK;
    spool_close_folders(s);
    return spool_open_folders(s, err);
}

enum status spool_open(const char *folder, struct spool **out, struct err *err)
{
    struct spool *s;
    enum status st;

    *out = NULL;
    if (strlen(folder) >= sizeof s->folder)
        return err_set(err, ST_BAD_REQUEST, NULL, "server.spool is too long");
    s = malloc(sizeof *s);
    assert(s && "out of memory");
    strcpy(s->folder, folder);
    for (int k = 0; k < DEBT_KINDS; k++) {
        s->kind[k] = -1;
        s->failing[k] = 0;
    }
    s->odd = pauses_new(ODD_MAX);
    st = spool_open_folders(s, err);
    *out = s;
    if (st != ST_OK)
        spool_close(out);
    return st;
}

void spool_close(struct spool **s)
{
    if (!*s)
        return;
    spool_close_folders(*s);
    pauses_free(&(*s)->odd);
    free(*s);
    *s = NULL;
}

static enum status spool_enter(struct spool *s, struct err *err)
{
    if (fault_point("spool.fail"))
        return err_set(err, ST_UNAVAILABLE, NULL, "fault point spool.fail");
    return spool_reach(s, err);
}

enum status spool_check(struct spool *s, struct err *err)
{
    char temp[TEMP_NAME_MAX + 1];
    int fd = -1, *any = &s->kind[0];
    enum status st = spool_enter(s, err);

    temp_name(temp);
    if (st == ST_OK)
        st = temp_create(*any, temp, &fd, err);
    if (st != ST_OK)
        return st;
    st = file_write(fd, STR_LIT("check"), err);
    close(fd);
    if (unlinkat(*any, temp, 0) && st == ST_OK)
        st = file_errno(err, "remove", temp);
    if (st != ST_OK)
        err_add(err, "server.spool = %s", s->folder);
    return st;
}

/* ---- EACH: a file with a text ---- */

/*
    Locked before it has its name: nobody takes it over from a living process.
 */
static enum status each_write(int fd, struct str text, struct err *err)
{
    bool locked;
    enum status st = file_lock_try(fd, &locked, err);

    assert(st != ST_OK || locked);
    return st == ST_OK ? file_write(fd, text, err) : st;
}

static enum status each_owe(struct spool *s, const struct debt *debt,
                            struct spool_entry *e, struct err *err)
{
    char temp[TEMP_NAME_MAX + 1], text[ENTRY_MAX + 1];
    int n = snprintf(text, sizeof text, "%.*s\n%.*s", STR_ARG(debt->user_id),
                     STR_ARG(debt->trip_id));
    int folder = s->kind[e->kind];
    enum status st;

    random_hex(e->name);
    temp_name(temp);
    st = temp_create(folder, temp, &e->fd, err);
    if (st != ST_OK)
        return st;
    st = each_write(e->fd, (struct str){text, (size_t)n}, err);
    fault_point("spool.trip.before_rename");
    if (st == ST_OK && renameat(folder, temp, folder, e->name))
        st = file_errno(err, "name", "a spool entry");
    if (st != ST_OK) {
        unlinkat(folder, temp, 0); /* what stays, spool_work sweeps */
        spool_leave(s, e);
    }
    return st;
}

static enum status each_keep(struct spool *s, const struct spool_entry *e,
                             struct err *err)
{
    if (fsync(e->fd))
        return file_errno(err, "sync", "a spool entry");
    return folder_sync(s->kind[e->kind], kinds[e->kind].folder, err);
}

/* ---- DRIVER: an empty file in the driver's folder ---- */

/*
    Its fd; -1 with ENOENT when the driver's folder went away.
 */
static int driver_create(int folder, struct spool_entry *e)
{
    char path[sizeof e->user + sizeof e->name + 1];

    random_hex(e->name);
    snprintf(path, sizeof path, "%s/%s", e->user, e->name);
    return openat(folder, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
}

static enum status driver_owe(struct spool *s, const struct debt *debt,
                              struct spool_entry *e, struct err *err)
{
    int folder = s->kind[e->kind];

    snprintf(e->user, sizeof e->user, "%.*s", STR_ARG(debt->user_id));
    for (int tries = 0; e->fd < 0 && tries < 10; tries++) {
        if (mkdirat(folder, e->user, 0750) && errno != EEXIST)
            return file_errno(err, "make folder", e->user);
        e->fd = driver_create(folder, e);
        /* Working off may remove the folder, still empty, in between: which is
         * short, because the folder's own name is synced after it. */
        if (e->fd < 0 && errno != ENOENT)
            break;
    }
    return e->fd < 0 ? file_errno(err, "make a spool entry of", e->user)
                     : ST_OK;
}

static enum status driver_keep(struct spool *s, const struct spool_entry *e,
                               struct err *err)
{
    int kind = s->kind[e->kind], folder = spool_open_below(kind, e->user);
    enum status st;

    if (folder < 0 && errno == ENOENT)
        return ST_OK; /* settled already, and after it was there */
    if (folder < 0)
        return file_errno(err, "open folder", e->user);
    st = fsync(e->fd) ? file_errno(err, "sync a spool entry of", e->user)
                      : folder_sync(folder, e->user, err);
    close(folder);
    return st == ST_OK ? folder_sync(kind, kinds[e->kind].folder, err) : st;
}

bool spool_waits(struct spool *s, enum debt_kind kind, struct str user_id)
{
    char path[PATH_MAX + ID_MAX + 32];

    assert(id_valid(user_id) && kinds[kind].place == PLACE_DRIVER);
    snprintf(path, sizeof path, "%s/%s/%.*s", s->folder, kinds[kind].folder,
             STR_ARG(user_id));
    /* Whatever hides it from us, it may be there. */
    return access(path, F_OK) == 0 || errno != ENOENT;
}

/* ---- either ---- */

enum status spool_owe(struct spool *s, const struct debt *debt,
                      struct spool_entry *out, struct err *err)
{
    bool each = kinds[debt->kind].place == PLACE_EACH;
    enum status st;

    assert(kinds[debt->kind].place != PLACE_LATER);
    assert(id_valid(debt->user_id));
    assert(each ? id_valid(debt->trip_id) : debt->trip_id.n == 0);
    *out = (struct spool_entry){.kind = debt->kind, .fd = -1};
    st = spool_enter(s, err);
    if (st != ST_OK)
        return st;
    return each ? each_owe(s, debt, out, err) : driver_owe(s, debt, out, err);
}

enum status spool_keep(struct spool *s, const struct spool_entry *e,
                       struct err *err)
{
    if (fault_point("spool.keep.fail"))
        return err_set(err, ST_UNAVAILABLE, NULL,
                       "fault point spool.keep.fail");
    return kinds[e->kind].place == PLACE_EACH ? each_keep(s, e, err)
                                              : driver_keep(s, e, err);
}

void spool_done(struct spool *s, struct spool_entry *e)
{
    char path[sizeof e->user + sizeof e->name + 1];
    bool each = kinds[e->kind].place == PLACE_EACH;

    /* One that cannot be removed is worked off once more: no harm. */
    if (e->fd >= 0) {
        snprintf(path, sizeof path, "%s%s%s", e->user, each ? "" : "/",
                 e->name);
        unlinkat(s->kind[e->kind], path, 0);
        if (!each) /* others keep the folder there */
            unlinkat(s->kind[e->kind], e->user, AT_REMOVEDIR);
    }
    spool_leave(s, e);
}

void spool_leave(struct spool *s, struct spool_entry *e)
{
    (void)s;
    if (e->fd >= 0)
        close(e->fd); /* frees the lock */
    e->fd = -1;
}

enum status spool_add(struct spool *s, const struct debt *debt, struct err *err)
{
    struct spool_entry e;
    enum status st;

    if (kinds[debt->kind].place == PLACE_LATER) {
        assert(id_valid(debt->trip_id));
        st = spool_enter(s, err);
        return st == ST_OK ? later_add(s, debt, err) : st;
    }
    if ((st = spool_owe(s, debt, &e, err)) != ST_OK)
        return st;
    st = spool_keep(s, &e, err);
    spool_leave(s, &e);
    return st;
}

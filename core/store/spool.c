#include "store/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/random.h"
#include "store/folder.h"
#include "store/keys.h"

#define ENTRY_MAX (2 * ID_MAX + 1)

struct spool {
    char folder[PATH_MAX];
    int trips, tokens; /* the two folders in it */
};

static int open_below(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static enum status make_below(int at, const char *name, int *fd,
                              struct err *err)
{
    enum status st = folder_make_at(at, name, err);

    if (st == ST_OK && (*fd = open_below(at, name)) < 0)
        st = file_errno(err, "open folder", name);
    if (st == ST_OK && faccessat(*fd, ".", W_OK | X_OK, AT_EACCESS))
        st = file_errno(err, "write to folder", name);
    return st;
}

static void close_folders(struct spool *s)
{
    if (s->trips >= 0)
        close(s->trips);
    if (s->tokens >= 0)
        close(s->tokens);
    s->trips = s->tokens = -1;
}

static enum status open_folders(struct spool *s, struct err *err)
{
    int top;
    enum status st = folder_open(s->folder, &top, err);

    if (st == ST_OK) {
        st = make_below(top, "trips", &s->trips, err);
        if (st == ST_OK)
            st = make_below(top, "tokens", &s->tokens, err);
        close(top);
    }
    if (st != ST_OK) {
        close_folders(s);
        err_add(err, "server.spool = %s", s->folder);
    }
    return st;
}

static bool leads_to(const char *folder, const char *name, int fd)
{
    char path[PATH_MAX + 8];
    struct stat there, ours;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return fd >= 0 && stat(path, &there) == 0 && fstat(fd, &ours) == 0 &&
           there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

/*
    A folder that was removed, moved or mounted over since it was opened would
    refuse every entry, or take it where no process looks after a restart.
 */
static enum status reach(struct spool *s, struct err *err)
{
    if (leads_to(s->folder, "trips", s->trips) &&
        leads_to(s->folder, "tokens", s->tokens))
        return ST_OK;
    close_folders(s);
    return open_folders(s, err);
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
    s->trips = s->tokens = -1;
    st = open_folders(s, err);
    *out = s;
    if (st != ST_OK)
        spool_close(out);
    return st;
}

void spool_close(struct spool **s)
{
    if (!*s)
        return;
    close_folders(*s);
    free(*s);
    *s = NULL;
}

static enum status enter(struct spool *s, struct err *err)
{
    if (fault_point("spool.fail"))
        return err_set(err, ST_UNAVAILABLE, NULL, "fault point spool.fail");
    return reach(s, err);
}

enum status spool_check(struct spool *s, struct err *err)
{
    char temp[TEMP_NAME_MAX + 1];
    int fd = -1;
    enum status st = enter(s, err);

    temp_name(temp);
    if (st == ST_OK)
        st = temp_create(s->trips, temp, &fd, err);
    if (st != ST_OK)
        return st;
    st = file_write(fd, STR_LIT("check"), err);
    close(fd);
    if (unlinkat(s->trips, temp, 0) && st == ST_OK)
        st = file_errno(err, "remove", temp);
    if (st != ST_OK)
        err_add(err, "server.spool = %s", s->folder);
    return st;
}

/* ---- trips ---- */

/*
    Locked before it has its name: nobody takes it over from a living process.
 */
static enum status write_entry(int fd, struct str text, struct err *err)
{
    bool locked;
    enum status st = file_lock_try(fd, &locked, err);

    assert(st != ST_OK || locked);
    return st == ST_OK ? file_write(fd, text, err) : st;
}

enum status spool_trip_begin(struct spool *s, struct str user_id,
                             struct str trip_id, struct spool_trip *out,
                             struct err *err)
{
    char temp[TEMP_NAME_MAX + 1], text[ENTRY_MAX + 1];
    int n = snprintf(text, sizeof text, "%.*s\n%.*s", STR_ARG(user_id),
                     STR_ARG(trip_id));
    enum status st = enter(s, err);

    assert(id_valid(user_id) && id_valid(trip_id));
    out->fd = -1;
    random_hex(out->name);
    temp_name(temp);
    if (st == ST_OK)
        st = temp_create(s->trips, temp, &out->fd, err);
    if (st != ST_OK)
        return st;
    st = write_entry(out->fd, (struct str){text, (size_t)n}, err);
    fault_point("spool.trip.before_rename");
    if (st == ST_OK && renameat(s->trips, temp, s->trips, out->name))
        st = file_errno(err, "name", "a spool entry");
    if (st != ST_OK) {
        unlinkat(s->trips, temp, 0); /* what stays, spool_trips sweeps */
        spool_trip_leave(s, out);
    }
    return st;
}

enum status spool_trip_keep(struct spool *s, const struct spool_trip *t,
                            struct err *err)
{
    if (fault_point("spool.keep.fail"))
        return err_set(err, ST_UNAVAILABLE, NULL,
                       "fault point spool.keep.fail");
    if (fsync(t->fd))
        return file_errno(err, "sync", "a spool entry");
    return folder_sync(s->trips, "trips of the spool", err);
}

void spool_trip_done(struct spool *s, struct spool_trip *t)
{
    /* One that cannot be removed is worked off once more: no harm. */
    if (t->fd >= 0)
        unlinkat(s->trips, t->name, 0);
    spool_trip_leave(s, t);
}

void spool_trip_leave(struct spool *s, struct spool_trip *t)
{
    (void)s;
    if (t->fd >= 0)
        close(t->fd); /* frees the lock */
    t->fd = -1;
}

/*
    The entry, locked; t->fd is -1 when another works on it or has finished it.
 */
static enum status take_entry(struct spool *s, const char *name,
                              struct spool_trip *t, struct err *err)
{
    bool locked = false;
    enum status st;

    snprintf(t->name, sizeof t->name, "%s", name);
    t->fd = openat(s->trips, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (t->fd < 0 && errno == ENOENT)
        return ST_OK;
    if (t->fd < 0)
        return file_errno(err, "open spool entry", name);
    st = file_lock_try(t->fd, &locked, err);
    if (!locked)
        spool_trip_leave(s, t);
    return st;
}

static bool read_entry(int fd, char text[ENTRY_MAX + 1], struct str *user_id,
                       struct str *trip_id)
{
    ssize_t n = pread(fd, text, ENTRY_MAX + 1, 0);
    const char *line = n > 0 ? memchr(text, '\n', (size_t)n) : NULL;

    if (!line)
        return false;
    *user_id = (struct str){text, (size_t)(line - text)};
    *trip_id = (struct str){line + 1, (size_t)(text + n - line - 1)};
    return id_valid(*user_id) && id_valid(*trip_id);
}

/*
    Entries are complete before they have their name; but when the machine stops
    before spool_trip_keep, the name may be on the disk without them.
 */
static bool never_kept(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_size == 0;
}

/*
    A damaged disk or a hand did this. Kept for whoever looks into it, out of
    the way.
 */
static void set_aside(struct spool *s, const char *name)
{
    char aside[80];
    struct log_value space;

    snprintf(aside, sizeof aside, ".damaged-%.60s", name);
    log_line(LOG_ERROR, "spool_entry_damaged", "name=%s kept_as=.damaged-*",
             log_quoted(str_of(name), &space));
    if (renameat(s->trips, name, s->trips, aside))
        log_line(LOG_ERROR, "spool_entry_stays", "name=%s errno=%d",
                 log_quoted(str_of(name), &space), errno);
}

static enum status work_off(struct spool *s, const char *name,
                            spool_trip_each each, void *ctx, struct err *err)
{
    char text[ENTRY_MAX + 1];
    struct str user_id, trip_id;
    struct spool_trip t;
    enum status st = take_entry(s, name, &t, err);

    if (st != ST_OK || t.fd < 0)
        return st;
    if (never_kept(t.fd))
        spool_trip_done(s, &t);
    else if (!read_entry(t.fd, text, &user_id, &trip_id))
        set_aside(s, name);
    else if (each(ctx, user_id, trip_id) == ST_OK)
        spool_trip_done(s, &t);
    spool_trip_leave(s, &t);
    return ST_OK;
}

enum status spool_trips(struct spool *s, spool_trip_each each, void *ctx,
                        struct err *err)
{
    struct arena *a = arena_new(0);
    struct folder_names names = {0};
    enum status st = reach(s, err);

    if (st == ST_OK)
        st = folder_sweep(s->trips, err);
    if (st == ST_OK)
        st = folder_names(s->trips, NAMES_PLAIN, a, &names, err);
    /* One entry that cannot be read does not keep the others waiting. */
    for (size_t i = 0; i < names.n; i++) {
        enum status one =
            work_off(s, names.v[i], each, ctx, st == ST_OK ? err : NULL);

        st = st == ST_OK ? one : st;
    }
    arena_free(&a);
    return st;
}

/* ---- tokens ---- */

/*
    An entry's fd; -1 with ENOENT when the driver's folder went away.
 */
static int create_entry(int tokens, const char *user)
{
    char name[RANDOM_HEX + 1], path[ID_MAX + sizeof name + 1];

    random_hex(name);
    snprintf(path, sizeof path, "%s/%s", user, name);
    return openat(tokens, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
}

static enum status make_entry(int tokens, const char *user, int *fd,
                              struct err *err)
{
    *fd = -1;
    for (int tries = 0; *fd < 0 && tries < 10; tries++) {
        if (mkdirat(tokens, user, 0750) && errno != EEXIST)
            return file_errno(err, "make folder", user);
        *fd = create_entry(tokens, user);
        /* A delivery may remove the folder, still empty, in between: which is
         * short, because the folder's own name is synced after it. */
        if (*fd < 0 && errno != ENOENT)
            break;
    }
    return *fd < 0 ? file_errno(err, "make a spool entry of", user) : ST_OK;
}

static enum status sync_entry(int tokens, const char *user, int fd,
                              struct err *err)
{
    int folder = open_below(tokens, user);
    enum status st;

    if (folder < 0 && errno == ENOENT)
        return ST_OK; /* delivered already, and after it was there */
    if (folder < 0)
        return file_errno(err, "open folder", user);
    st = fsync(fd) ? file_errno(err, "sync a spool entry of", user)
                   : folder_sync(folder, user, err);
    close(folder);
    return st == ST_OK ? folder_sync(tokens, "tokens of the spool", err) : st;
}

enum status spool_token_add(struct spool *s, struct str user_id,
                            struct err *err)
{
    char user[ID_MAX + 1];
    enum status st = enter(s, err);
    int fd;

    assert(id_valid(user_id));
    snprintf(user, sizeof user, "%.*s", STR_ARG(user_id));
    if (st == ST_OK)
        st = make_entry(s->tokens, user, &fd, err);
    if (st != ST_OK)
        return st;
    st = sync_entry(s->tokens, user, fd, err);
    close(fd);
    return st;
}

bool spool_token_waits(struct spool *s, struct str user_id)
{
    char path[PATH_MAX + ID_MAX + 16];

    assert(id_valid(user_id));
    snprintf(path, sizeof path, "%s/tokens/%.*s", s->folder, STR_ARG(user_id));
    /* Whatever hides it from us, it may be there. */
    return access(path, F_OK) == 0 || errno != ENOENT;
}

static enum status forget(int tokens, const char *user, int folder,
                          const struct folder_names *entries, struct err *err)
{
    for (size_t i = 0; i < entries->n; i++)
        if (unlinkat(folder, entries->v[i], 0) && errno != ENOENT)
            return file_errno(err, "remove a spool entry of", user);
    /* Newer entries keep the folder there. */
    if (unlinkat(tokens, user, AT_REMOVEDIR) && errno != ENOTEMPTY &&
        errno != EEXIST && errno != ENOENT)
        return file_errno(err, "remove folder", user);
    return ST_OK;
}

static enum status deliver(int tokens, const char *user, spool_token_each each,
                           void *ctx, struct err *err)
{
    int folder = open_below(tokens, user);
    struct arena *a;
    struct folder_names entries;
    enum status st;

    if (folder < 0 && errno == ENOENT)
        return ST_OK; /* another process delivered it */
    if (folder < 0)
        return file_errno(err, "open folder", user);
    a = arena_new(0);
    st = folder_names(folder, NAMES_PLAIN, a, &entries, err);
    if (st == ST_OK && each(ctx, str_of(user)) == ST_OK)
        st = forget(tokens, user, folder, &entries, err);
    arena_free(&a);
    close(folder);
    return st;
}

enum status spool_tokens(struct spool *s, spool_token_each each, void *ctx,
                         struct err *err)
{
    struct arena *a = arena_new(0);
    struct folder_names users = {0};
    enum status st = reach(s, err);

    if (st == ST_OK)
        st = folder_names(s->tokens, NAMES_PLAIN, a, &users, err);
    for (size_t i = 0; i < users.n; i++) {
        enum status one =
            deliver(s->tokens, users.v[i], each, ctx, st == ST_OK ? err : NULL);

        st = st == ST_OK ? one : st;
    }
    arena_free(&a);
    return st;
}

enum status spool_count(struct spool *s, struct spool_counts *out,
                        struct err *err)
{
    struct arena *a = arena_new(0);
    struct folder_names trips, users;
    enum status st = reach(s, err);

    if (st == ST_OK)
        st = folder_names(s->trips, NAMES_PLAIN, a, &trips, err);
    if (st == ST_OK)
        st = folder_names(s->tokens, NAMES_PLAIN, a, &users, err);
    if (st == ST_OK)
        *out = (struct spool_counts){(int64_t)trips.n, (int64_t)users.n};
    arena_free(&a);
    return st;
}

/*
 * objects_dir.c - the object store in a directory.
 *
 * A key is a path under the root, the file's bytes are the body; dir_file.h
 * says where the rest is.
 *
 * The life of a put: the body goes to a temporary name in the object's own
 * folder, is given its attributes and synced; then, under the driver's lock,
 * the condition is checked, the file renamed, and the folder synced. A reader
 * takes no lock. A writer that dies leaves a temporary, which no listing
 * shows and the sweep removes, and a lock that the kernel frees.
 *
 * A derived object is put in the same way but for the two syncs, which are
 * most of a put's time. What a power cut then leaves: nothing, or the version
 * before; or the new name with less of the body than there was: shorter, and
 * then the ETag's attribute does not fit its size and is made anew; or of the
 * full size with zeros in it, under the ETag of what was meant. No reader
 * takes such bytes for a summary or a pack, because the gzip member around
 * them has a CRC; and a writer who puts a new one over it finds the ETag that
 * the reader was given, whichever it was.
 *
 * users/U/.lock is made last, after the folders around it were synced: where
 * it is, nothing above an object can be lost any more.
 */
#include "store/objects_dir.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "store/dir_file.h"
#include "store/dir_place.h"
#include "store/folder.h"
#include "store/keys.h"

static struct dir *dir_of(struct objects *s)
{
    return (struct dir *)s;
}

/* The folder of that installation, which is there or away. */
static enum status open_own(struct dir *dir, uint64_t mark, int *root,
                            struct err *err)
{
    enum status st;

    *root = open(dir->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*root < 0)
        return file_errno(err, "open folder", dir->root);
    st = dir_own_check(&dir->own, *root, dir->root, mark, err);
    if (st != ST_OK)
        fd_close(root);
    return st;
}

enum status objects_dir_begin(struct objects *s, const char *fail,
                              struct deadline d, int *root, struct err *err)
{
    uint64_t mark = s->mark ? atomic_load(s->mark) : 0;

    *root = -1;
    if (fault_point(fail))
        return err_set(err, ST_UNAVAILABLE, NULL, "fault point %s", fail);
    if (deadline_over(d))
        return err_set(err, ST_TIMEOUT, NULL, "no time left for %s",
                       dir_of(s)->root);
    return mark ? open_own(dir_of(s), mark, root, err)
                : folder_open(dir_of(s)->root, root, err);
}

/* ---- writing ---- */

static enum status put_at(struct place *p, struct str body,
                          const struct object_meta *meta, bool derived,
                          enum object_condition cond, const struct etag *match,
                          struct deadline d, struct etag *out, struct err *err)
{
    char temp[TEMP_NAME_MAX + 1];
    enum status st;

    /* Under the lock it counts; here it spares a loser the writing. */
    st = place_check(p, cond, match, err);
    if (st != ST_OK)
        return st;
    temp_name(temp);
    st = dir_file_write(p->folder, temp, body, meta, !derived, out, err);
    fault_point("dir.put.before_rename");
    if (st == ST_OK)
        st = place_lock(p, d, err);
    if (st == ST_OK)
        st = place_check(p, cond, match, err);
    if (st == ST_OK && renameat(p->folder, temp, p->folder, p->name))
        st = file_errno(err, "rename a new version to", p->path);
    if (st != ST_OK) {
        unlinkat(p->folder, temp, 0); /* what stays, the sweep removes */
        return st;
    }
    fault_point("dir.put.after_rename");
    return derived ? ST_OK : folder_sync(p->folder, p->path, err);
}

static enum status dir_put(struct objects *s, struct str key, struct str body,
                           const struct object_meta *meta, bool derived,
                           enum object_condition cond, const struct etag *match,
                           struct deadline d, struct etag *out, struct err *err)
{
    struct place p = {.folder = -1, .lock = -1};
    enum status st = objects_dir_begin(
        s, key_is_installation(key) ? "dir.installation.fail" : "dir.put.fail",
        d, &p.root, err);

    if (st == ST_OK)
        st = place_open(&p, key, err);
    if (st == ST_OK)
        st = put_at(&p, body, meta, derived, cond, match, d, out, err);
    place_close(&p);
    return st;
}

static enum status remove_at(struct place *p, const struct etag *match,
                             struct deadline d, struct err *err)
{
    struct etag now;
    enum status st = place_lock(p, d, err);

    if (st == ST_OK)
        st = place_version(p, &now, err);
    if (st != ST_OK || now.z[0] == '\0')
        return st;
    if (match && strcmp(now.z, match->z))
        return err_set(err, ST_PRECONDITION, NULL,
                       "%s: another version is there", p->path);
    if (unlinkat(p->folder, p->name, 0) && errno != ENOENT)
        return file_errno(err, "remove", p->path);
    return folder_sync(p->folder, p->path, err);
}

static enum status is_there(int root, struct str key, bool *out,
                            struct err *err)
{
    char path[KEY_MAX];
    struct dir_file f;
    enum status st;

    snprintf(path, sizeof path, "%.*s", STR_ARG(key));
    st = dir_file_open(root, path, &f, err);
    dir_file_close(&f);
    *out = st == ST_OK;
    return st == ST_NOT_FOUND ? ST_OK : st;
}

static enum status dir_remove(struct objects *s, struct str key,
                              const struct etag *match, struct deadline d,
                              struct err *err)
{
    struct place p = {.folder = -1, .lock = -1};
    bool there = false;
    enum status st = objects_dir_begin(s, "dir.put.fail", d, &p.root, err);

    if (st == ST_OK)
        st = is_there(p.root, key, &there, err);
    if (st == ST_OK && there)
        st = place_open(&p, key, err);
    if (st == ST_OK && there)
        st = remove_at(&p, match, d, err);
    place_close(&p);
    return st;
}

/* ---- all drivers ---- */

typedef enum status (*driver_each)(void *ctx, int root, struct str user_id,
                                   struct err *err);

static enum status each_driver(struct objects *s, struct deadline d,
                               driver_each each, void *ctx, struct err *err)
{
    int root, users = -1;
    struct folder_names names = {0};
    struct arena *a = arena_new(0);
    enum status st = objects_dir_begin(s, "dir.list.fail", d, &root, err);

    if (st == ST_OK && (users = folder_reach(root, "users")) < 0 &&
        errno != ENOENT)
        st = file_errno(err, "open folder", "users");
    if (users >= 0)
        st = folder_names(users, NAMES_PLAIN, a, &names, err);
    for (size_t i = 0; st == ST_OK && i < names.n; i++) {
        if (deadline_over(d))
            st = err_set(err, ST_TIMEOUT, NULL, "no time left for all drivers");
        else if (id_valid(str_of(names.v[i])))
            st = each(ctx, root, str_of(names.v[i]), err);
    }
    fd_close(&users);
    fd_close(&root);
    arena_free(&a);
    return st;
}

struct drivers {
    struct deadline deadline;
    enum status (*each)(void *ctx, struct str user_id);
    void *ctx;
    bool found;
};

static enum status found_one(void *ctx, const struct object_entry *entry)
{
    struct drivers *all = ctx;

    (void)entry;
    all->found = true;
    return ST_PRECONDITION; /* one is enough: ends the listing */
}

static bool is_folder(int root, struct str user_id)
{
    char path[KEY_MAX];
    struct stat st;

    snprintf(path, sizeof path, "users/%.*s", STR_ARG(user_id));
    return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) || S_ISDIR(st.st_mode);
}

/* One whose folder cannot be listed has objects, for all that is known: who
 * wants them will be told why, and the others are not his affair. */
static enum status driver_if_any(void *ctx, int root, struct str user_id,
                                 struct err *err)
{
    struct drivers *all = ctx;
    struct object_range any = {.listed = found_one, .ctx = all};
    struct err why = ERR_NONE;
    struct arena *a;
    enum status st;

    if (!is_folder(root, user_id)) /* a file that a hand left there */
        return ST_OK;
    all->found = false;
    a = arena_new(0);
    st = objects_dir_list_driver(root, user_id, &any, all->deadline, a, &why);
    arena_free(&a);
    if (all->found || (st != ST_OK && !deadline_over(all->deadline)))
        return all->each(all->ctx, user_id);
    if (st != ST_OK)
        *err = why;
    return st;
}

static enum status dir_drivers(struct objects *s, struct deadline d,
                               enum status (*each)(void *ctx,
                                                   struct str user_id),
                               void *ctx, struct err *err)
{
    struct drivers all = {d, each, ctx, false};

    return each_driver(s, d, driver_if_any, &all, err);
}

/* ---- housekeeping ---- */

static enum status sweep_folder(int root, const char *path, struct err *err)
{
    int fd = folder_reach(root, path);
    enum status st = ST_OK;

    if (fd >= 0)
        st = folder_sweep(fd, err);
    else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        st = file_errno(err, "open folder", path);
    fd_close(&fd);
    return st;
}

/* What cannot be swept keeps no other: ctx is the first failure. */
static enum status sweep_driver(void *ctx, int root, struct str user_id,
                                struct err *err)
{
    static const char *const below[] = {"", "/trips", "/packs"};
    struct err *first = ctx;

    (void)err;
    for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
        char path[KEY_MAX];
        struct err why = ERR_NONE;

        snprintf(path, sizeof path, "users/%.*s%s", STR_ARG(user_id), below[i]);
        if (sweep_folder(root, path, &why) != ST_OK && first->st == ST_OK)
            *first = why;
    }
    return ST_OK;
}

static enum status dir_sweep(struct objects *s, struct deadline d,
                             struct err *err)
{
    int root, users;
    struct err first = ERR_NONE;
    enum status st = objects_dir_begin(s, "dir.list.fail", d, &root, err);

    if (st == ST_OK)
        st = folder_sweep(root, err); /* those of dir_check */
    users = st == ST_OK ? folder_reach(root, "users") : -1;
    if (users >= 0)
        st = folder_sweep(users, err); /* those of it, too */
    fd_close(&users);
    fd_close(&root);
    if (st == ST_OK)
        st = each_driver(s, d, sweep_driver, &first, err);
    if (st != ST_OK || first.st == ST_OK)
        return st;
    *err = first;
    return first.st;
}

static enum status check_in(int folder, const char *name, struct err *err)
{
    char temp[TEMP_NAME_MAX + 1];
    struct etag etag;
    enum status st;

    temp_name(temp);
    st = dir_file_write(folder, temp, STR_LIT("check"), NULL, true, &etag, err);
    if (unlinkat(folder, temp, 0) && st == ST_OK)
        st = file_errno(err, "remove", temp);
    return st == ST_OK ? ST_OK
                       : err_add(err, "no object is accepted: %s", name);
}

/*
    Writes what a put writes, and removes it again: where new drivers come,
    which may be another file system, or another's, than the root.
 */
static enum status dir_check(struct objects *s, struct deadline d,
                             struct err *err)
{
    int root, users = -1;
    enum status st = objects_dir_begin(s, "dir.check.fail", d, &root, err);

    if (st == ST_OK && (users = folder_reach(root, "users")) < 0 &&
        errno != ENOENT)
        st = file_errno(err, "open folder", "users");
    if (st == ST_OK)
        st = check_in(users < 0 ? root : users, dir_of(s)->root, err);
    fd_close(&users);
    fd_close(&root);
    return st;
}

static void dir_close(struct objects *s)
{
    free(dir_of(s));
}

static const struct objects_ops ops = {
    .close = dir_close,
    .check = dir_check,
    .put = dir_put,
    .get = objects_dir_get,
    .look = objects_dir_look,
    .remove = dir_remove,
    .drivers = dir_drivers,
    .sweep = dir_sweep,
};

enum status objects_dir_open(struct str folder, struct objects **out,
                             struct err *err)
{
    struct dir *dir;

    while (folder.n > 1 && folder.p[folder.n - 1] == '/')
        folder.n--;
    if (folder.n == 0 || folder.p[0] != '/' || folder.n >= sizeof dir->root)
        return err_set(err, ST_BAD_REQUEST, NULL,
                       "objects.url: file:// wants an absolute folder, as in "
                       "file:///var/lib/driveguard/objects");
    dir = calloc(1, sizeof *dir);
    assert(dir && "out of memory");
    dir->base.ops = &ops;
    memcpy(dir->root, folder.p, folder.n);
    *out = &dir->base;
    return ST_OK;
}

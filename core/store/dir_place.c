#include "store/dir_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "store/dir_file.h"
#include "store/folder.h"
#include "store/keys.h"

void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void place_close(struct place *p)
{
    fd_close(&p->lock); /* frees the lock, too */
    fd_close(&p->folder);
    fd_close(&p->root);
}

int folder_reach(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static enum status make_and_open(int at, const char *name, int *fd,
                                 struct err *err)
{
    enum status st = folder_make_at(at, name, err);

    *fd = -1;
    if (st == ST_OK && (*fd = folder_reach(at, name)) < 0)
        st = file_errno(err, "open folder", name);
    return st;
}

/*
    The folder of packs only when there is to be one: it may be made after the
    lock, because what is in it may be lost.
 */
static enum status make_driver(int root, const char *user_id, bool packs,
                               struct err *err)
{
    int users, driver = -1;
    enum status st = make_and_open(root, "users", &users, err);

    if (st == ST_OK)
        st = make_and_open(users, user_id, &driver, err);
    if (st == ST_OK)
        st = folder_make_at(driver, "trips", err);
    if (st == ST_OK && packs)
        st = folder_make_at(driver, "packs", err);
    fd_close(&driver);
    fd_close(&users);
    return st;
}

static bool place_reach(struct place *p, const char *folder, const char *lock,
                        int create)
{
    fd_close(&p->folder);
    fd_close(&p->lock);
    p->lock =
        openat(p->root, lock, O_RDWR | O_NOFOLLOW | O_CLOEXEC | create, 0640);
    if (p->lock >= 0)
        p->folder = folder_reach(p->root, folder);
    return p->folder >= 0;
}

/* Beside the drivers, in the root itself, which is there. */
static enum status place_open_root(struct place *p, struct err *err)
{
    p->name = p->path;
    return place_reach(p, ".", ".lock", O_CREAT)
               ? ST_OK
               : file_errno(err, "open the lock beside", p->path);
}

enum status place_open(struct place *p, struct str key, struct err *err)
{
    char folder[KEY_MAX], lock[KEY_MAX], user_id[ID_MAX + 1];
    struct str owner;
    int64_t number;
    enum status st = ST_OK;

    p->folder = p->lock = -1;
    snprintf(p->path, sizeof p->path, "%.*s", STR_ARG(key));
    if (key_is_installation(key))
        return place_open_root(p, err);
    p->name = strrchr(p->path, '/') + 1;
    snprintf(folder, sizeof folder, "%.*s", (int)(p->name - p->path), p->path);
    snprintf(user_id, sizeof user_id, "%.*s", STR_ARG(key_driver(key)));
    snprintf(lock, sizeof lock, "users/%s/.lock", user_id);
    if (place_reach(p, folder, lock, 0))
        return ST_OK;
    if (errno == ENOENT)
        st = make_driver(p->root, user_id, key_parse_pack(key, &owner, &number),
                         err);
    if (st == ST_OK && !place_reach(p, folder, lock, O_CREAT))
        st = file_errno(err, "open", folder);
    return st;
}

enum status place_lock(struct place *p, struct deadline d, struct err *err)
{
    for (uint32_t pause_ms = 2;; pause_ms += pause_ms < 16 ? pause_ms : 0) {
        bool locked;
        enum status st = file_lock_try(p->lock, &locked, err);

        if (st != ST_OK || locked)
            return st;
        if (deadline_over(d))
            return err_set(err, ST_TIMEOUT, NULL,
                           "%s: other writers of the driver hold the lock",
                           p->path);
        clock_sleep_ms(1 + random_below(pause_ms));
    }
}

enum status place_version(const struct place *p, struct etag *out,
                          struct err *err)
{
    struct dir_file f;
    enum status st = dir_file_open(p->folder, p->name, &f, err);

    *out = (struct etag){0};
    if (st == ST_NOT_FOUND)
        return ST_OK;
    if (st == ST_OK)
        st = dir_file_etag(&f, out, err);
    dir_file_close(&f);
    return st;
}

enum status place_check(const struct place *p, enum object_condition cond,
                        const struct etag *match, struct err *err)
{
    struct etag now;
    enum status st;

    if (cond == COND_NONE)
        return ST_OK;
    st = place_version(p, &now, err);
    if (st == ST_OK && strcmp(now.z, cond == COND_MATCH ? match->z : ""))
        st = err_set(err, ST_PRECONDITION, NULL, "%s: %s", p->path,
                     now.z[0] ? "another version is there" : "it is gone");
    return st;
}

#include "store/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_MODE 0750

/* Of the folder, or of the nearest above it. *there: how much of the path. */
static bool stat_upward(const char *path, struct stat *out, size_t *there)
{
    char at[PATH_MAX];

    snprintf(at, sizeof at, "%s", path);
    while (stat(at, out) != 0) {
        char *slash = strrchr(at, '/');

        if (errno != ENOENT || !slash)
            return false;
        slash[slash == at] = '\0';
    }
    *there = strlen(at);
    return true;
}

static void become_home(const struct passwd *user)
{
    if (user)
        setenv("HOME", user->pw_dir, 1);
    else
        unsetenv("HOME"); /* it would be root's */
}

static enum status user_become(uid_t uid, gid_t gid, const char *spool,
                               struct err *err)
{
    const struct passwd *user = getpwuid(uid);
    int groups = user ? initgroups(user->pw_name, gid) : setgroups(1, &gid);

    become_home(user);
    if (groups != 0 || setgid(gid) != 0 || setuid(uid) != 0)
        return err_set(err, ST_DENIED, NULL,
                       "root cannot become user %u, the owner of %s: %m", uid,
                       spool);
    return ST_OK;
}

/* One folder in the one at *fd, which becomes the new one. Only root can have
 * written there before: it is root's, or was made here. */
static bool make_one(int *fd, const char *name, const struct passwd *user)
{
    int made, saved;

    if (mkdirat(*fd, name, FOLDER_MODE) != 0)
        return false;
    made = openat(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (made < 0)
        return false;
    saved = fchown(made, user->pw_uid, user->pw_gid) == 0 ? 0 : errno;
    close(*fd);
    *fd = made;
    errno = saved;
    return saved == 0;
}

static enum status make_folders(const char *spool, size_t there,
                                const struct passwd *user, struct err *err)
{
    char path[PATH_MAX], *name, *rest = NULL;
    bool ok;
    int fd;

    snprintf(path, sizeof path, "%.*s", (int)there, spool);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(path, sizeof path, "%s", spool + there);
    ok = fd >= 0;
    for (name = strtok_r(path, "/", &rest); ok && name;
         name = strtok_r(NULL, "/", &rest))
        ok = make_one(&fd, name, user);
    if (!ok)
        err_set(err, ST_UNAVAILABLE, NULL, "%s cannot be made for user %s: %m",
                spool, user->pw_name);
    if (fd >= 0)
        close(fd);
    return ok ? ST_OK : ST_UNAVAILABLE;
}

enum status owner_become(const struct conf *c, struct err *err)
{
    const char *spool = c->server_spool;
    const struct passwd *user;
    struct stat is;
    enum status st;
    size_t there;

    if (geteuid() != 0)
        return ST_OK;
    if (!stat_upward(spool, &is, &there))
        return err_set(err, ST_UNAVAILABLE, NULL, "%s: %m", spool);
    if (is.st_uid != 0)
        return user_become(is.st_uid, is.st_gid, spool, err);
    user = getpwnam(OWNER_NAME);
    if (there == strlen(spool) || !user)
        return ST_OK;
    st = make_folders(spool, there, user, err);
    return st == ST_OK ? user_become(user->pw_uid, user->pw_gid, spool, err)
                       : st;
}

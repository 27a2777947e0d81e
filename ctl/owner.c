#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ctl/ctl.h"

/* Of the folder, or of the nearest above it. */
static bool stat_upward(const char *path, struct stat *out)
{
    char at[PATH_MAX];

    snprintf(at, sizeof at, "%s", path);
    while (stat(at, out) != 0) {
        char *slash = strrchr(at, '/');

        if (errno != ENOENT || !slash || slash == at)
            return false;
        *slash = '\0';
    }
    return true;
}

enum status ctl_become_owner(const struct conf *c, struct err *err)
{
    struct stat st;

    if (geteuid() != 0)
        return ST_OK;
    if (!stat_upward(c->server_spool, &st))
        return err_set(err, ST_UNAVAILABLE, NULL, "%s: %m", c->server_spool);
    if (st.st_uid == 0)
        return ST_OK;
    if (setgroups(1, &st.st_gid) != 0 || setgid(st.st_gid) != 0 ||
        setuid(st.st_uid) != 0)
        return err_set(err, ST_DENIED, NULL,
                       "root cannot become user %u, the owner of %s: %m",
                       st.st_uid, c->server_spool);
    return ST_OK;
}

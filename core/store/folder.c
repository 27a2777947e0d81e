#include "store/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/list.h"

enum status file_errno(struct err *err, const char *doing, const char *name)
{
    const char *why = strerror(errno), *hint = "";
    enum status st = ST_UNAVAILABLE;

    switch (errno) {
    case ENOSPC:
    case EDQUOT:
        hint = ": free some space or use a larger disk";
        break;
    case EROFS:
        hint = ": mount it writable";
        break;
    case EACCES:
    case EPERM:
        st = ST_DENIED;
        hint = ": it must belong to the user the service runs as";
        break;
    case EIO:
        hint = ": the disk or its file system is damaged";
        break;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        st = ST_INTERNAL;
        break;
    }
    return err_set(err, st, NULL, "cannot %s %s: %s%s", doing, name, why, hint);
}

enum status folder_sync(int fd, const char *name, struct err *err)
{
    return fsync(fd) ? file_errno(err, "sync folder", name) : ST_OK;
}

enum status folder_make_at(int at, const char *name, struct err *err)
{
    if (mkdirat(at, name, 0750) && errno != EEXIST)
        return file_errno(err, "make folder", name);
    return folder_sync(at, name, err);
}

/*
    Makes the last part of path, and what is missing above it.
 */
static enum status make_with_parents(const char *path, struct err *err)
{
    char parent[PATH_MAX];
    const char *name = path;
    size_t n = strlen(path);
    enum status st;
    int at;

    while (n && path[n - 1] != '/')
        n--;
    name += n;
    while (n > 1 && path[n - 1] == '/')
        n--;
    memcpy(parent, n ? path : ".", n ? n : 1);
    parent[n ? n : 1] = '\0';
    st = folder_open(parent, &at, err);
    if (st == ST_OK) {
        st = folder_make_at(at, name, err);
        close(at);
    }
    return st;
}

enum status folder_open(const char *path, int *fd, struct err *err)
{
    const int how = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    enum status st = ST_OK;
    size_t n = strlen(path);

    *fd = -1;
    if (n == 0 || n >= PATH_MAX || (n > 1 && path[n - 1] == '/'))
        return err_set(err, ST_BAD_REQUEST, NULL, "no folder name: \"%.80s\"",
                       path);
    *fd = open(path, how);
    if (*fd < 0 && errno == ENOENT) {
        st = make_with_parents(path, err);
        if (st == ST_OK)
            *fd = open(path, how);
    }
    if (st == ST_OK && *fd < 0)
        st = file_errno(err, "open folder", path);
    return st;
}

static int name_by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_wanted(const char *name, enum folder_which which)
{
    if (which == NAMES_TEMP)
        return !strncmp(name, TEMP_PREFIX, sizeof TEMP_PREFIX - 1);
    return name[0] != '.';
}

static void names_add(struct folder_names *out, struct arena *a,
                      const char *name)
{
    out->v = list_room(a, out->v, out->n, sizeof *out->v);
    out->v[out->n++] = arena_z(a, str_of(name));
}

enum status folder_names(int fd, enum folder_which which, struct arena *a,
                         struct folder_names *out, struct err *err)
{
    /* A description of its own: fd's read position stays where it is. */
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = own < 0 ? NULL : fdopendir(own);
    struct dirent *e;
    int failed;

    *out = (struct folder_names){0};
    if (!dir) {
        enum status st = file_errno(err, "read", "a folder");

        if (own >= 0)
            close(own);
        return st;
    }
    while (errno = 0, (e = readdir(dir)))
        if (is_wanted(e->d_name, which))
            names_add(out, a, e->d_name);
    failed = errno;
    closedir(dir);
    errno = failed;
    if (failed)
        return file_errno(err, "read", "a folder");
    if (out->n)
        qsort(out->v, out->n, sizeof *out->v, name_by_bytes);
    return ST_OK;
}

enum status folder_sweep(int fd, struct err *err)
{
    struct arena *a = arena_new(0);
    struct folder_names temps;
    time_t now = time(NULL);
    enum status st = folder_names(fd, NAMES_TEMP, a, &temps, err);

    for (size_t i = 0; st == ST_OK && i < temps.n; i++) {
        struct stat sb;

        if (fstatat(fd, temps.v[i], &sb, AT_SYMLINK_NOFOLLOW) ||
            now - sb.st_mtime <= TEMP_AGE_S)
            continue; /* gone meanwhile, or somebody still writes it */
        if (unlinkat(fd, temps.v[i], 0) && errno != ENOENT)
            st = file_errno(err, "remove", temps.v[i]);
    }
    arena_free(&a);
    return st;
}

void temp_name(char out[TEMP_NAME_MAX + 1])
{
    memcpy(out, TEMP_PREFIX, sizeof TEMP_PREFIX - 1);
    random_hex(out + sizeof TEMP_PREFIX - 1);
}

enum status temp_create(int at, const char *name, int *fd, struct err *err)
{
    *fd = openat(at, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW,
                 0640);
    return *fd < 0 ? file_errno(err, "create", name) : ST_OK;
}

enum status file_write(int fd, struct str bytes, struct err *err)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_errno(err, "write", "a file");
        bytes.p += n;
        bytes.n -= (size_t)n;
    }
    return ST_OK;
}

enum status file_lock_try(int fd, bool *locked, struct err *err)
{
    struct stat sb;

    *locked = false;
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno == EWOULDBLOCK || errno == EINTR)
            return ST_OK;
        return file_errno(err, "lock", "a file");
    }
    if (fstat(fd, &sb))
        return file_errno(err, "look at", "a locked file");
    *locked = sb.st_nlink > 0;
    return ST_OK;
}

#include "store/dir_own.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "store/folder.h"
#include "store/keys.h"
#include "store/objects.h"

#define TEXT_MAX 65536

static bool own_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
           a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static enum status own_gone(const char *name, struct err *err)
{
    return err_set(err, ST_UNAVAILABLE, "objects_gone",
                   "%s is not the folder that it was: it has no %.*s; is its "
                   "file system mounted?",
                   name, STR_ARG(key_installation()));
}

/* Empty: cannot be said. */
static struct str own_id(int fd, struct arena *a)
{
    char *text = arena_alloc(a, TEXT_MAX);
    ssize_t n = pread(fd, text, TEXT_MAX, 0);
    struct json root;

    if (n <= 0 || json_check((struct str){text, (size_t)n}, JSON_DEPTH, &root,
                             NULL) != ST_OK)
        return STR_NONE;
    return json_string(json_member(root, "installation_id"), a);
}

/* What is seen counts from now on, whatever it says: the same file says the
 * same. */
static enum status own_look(struct dir_own *own, int fd, const char *name,
                            struct err *err)
{
    struct arena *a = arena_new(0);
    struct str id = own_id(fd, a);
    enum status st = ST_OK;
    struct stat now;

    if (id.n && objects_mark(id) != own->mark)
        st = err_set(err, ST_UNAVAILABLE, "objects_other",
                     "%s is not the folder that it was: it is that of the "
                     "installation %.*s; mount the right one",
                     name, id.n > 64 ? 64 : (int)id.n, id.p);
    else if (fstat(fd, &now) == 0)
        own->seen = now;
    arena_free(&a);
    return st;
}

enum status dir_own_check(struct dir_own *own, int root, const char *name,
                          uint64_t mark, struct err *err)
{
    const char *file = key_installation().p;
    enum status st;
    struct stat now;
    int fd;

    if (fstatat(root, file, &now, AT_SYMLINK_NOFOLLOW))
        return errno == ENOENT ? own_gone(name, err)
                               : file_errno(err, "look into", name);
    if (own->mark == mark && own_same(&own->seen, &now))
        return ST_OK;
    *own = (struct dir_own){.mark = mark};
    fd = openat(root, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? own_gone(name, err) : ST_OK;
    st = own_look(own, fd, name, err);
    close(fd);
    return st;
}

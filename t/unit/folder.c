#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "store/folder.h"
#include "t/unit/procs.h"
#include "t/unit/tap.h"

static struct err err;
static const char *top;

static char *path_of(const char *name)
{
    static char path[400];

    snprintf(path, sizeof path, "%s/%s", top, name);
    return path;
}

static void made(void)
{
    struct stat sb;
    int fd;

    CHECK(folder_open(path_of("a//b/c"), &fd, &err) == ST_OK);
    CHECK(stat(path_of("a/b/c"), &sb) == 0 && (sb.st_mode & 0007) == 0);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    CHECK(folder_open(path_of("a/b/c"), &fd, &err) == ST_OK);
    CHECK(folder_make_at(fd, "d", &err) == ST_OK &&
          folder_make_at(fd, "d", &err) == ST_OK);
    close(fd);
    CHECK(folder_open("", &fd, &err) == ST_BAD_REQUEST && fd == -1);
    CHECK(folder_open(path_of("a/"), &fd, &err) == ST_BAD_REQUEST);
    if (mknod(path_of("file"), S_IFREG | 0600, 0))
        abort();
    CHECK(folder_open(path_of("file"), &fd, &err) == ST_UNAVAILABLE &&
          fd == -1);
    CHECK(folder_open(path_of("file/x"), &fd, &err) == ST_UNAVAILABLE);
}

static void listed(void)
{
    static const char *const put[] = {"b",   "a",   ".hidden", ".tmp-2",
                                      "a_b", "a.b", "B",       ".tmp-1"};
    struct arena *a = arena_new(0);
    struct folder_names names;
    int fd;

    CHECK(folder_open(path_of("list"), &fd, &err) == ST_OK);
    for (size_t i = 0; i < sizeof put / sizeof *put; i++)
        if (mknodat(fd, put[i], S_IFREG | 0600, 0))
            abort();
    for (int times = 0; times < 2; times++) {
        CHECK(folder_names(fd, NAMES_PLAIN, a, &names, &err) == ST_OK &&
              names.n == 5);
        CHECK(!strcmp(names.v[0], "B") && !strcmp(names.v[1], "a") &&
              !strcmp(names.v[2], "a.b") && !strcmp(names.v[3], "a_b") &&
              !strcmp(names.v[4], "b"));
    }
    CHECK(folder_names(fd, NAMES_TEMP, a, &names, &err) == ST_OK &&
          names.n == 2 && !strcmp(names.v[0], ".tmp-1"));
    close(fd);
    arena_free(&a);
}

static void locked(void)
{
    char *path = path_of("lock");
    int one = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int two = open(path, O_RDWR | O_CLOEXEC);
    bool got;

    CHECK(file_lock_try(one, &got, &err) == ST_OK && got);
    CHECK(file_lock_try(two, &got, &err) == ST_OK && !got);
    /* Its holder removes it and lets go: there is nothing left to lock. */
    unlink(path);
    close(one);
    CHECK(file_lock_try(two, &got, &err) == ST_OK && !got);
    close(two);
}

static void said(void)
{
    errno = ENOSPC;
    CHECK(file_errno(&err, "write", "x") == ST_UNAVAILABLE &&
          strstr(err.text, "cannot write x") && strstr(err.text, "space"));
    errno = EROFS;
    CHECK(file_errno(&err, "write", "x") == ST_UNAVAILABLE);
    errno = EACCES;
    CHECK(file_errno(&err, "open", "x") == ST_DENIED &&
          strstr(err.text, "belong"));
    errno = EMFILE;
    CHECK(file_errno(&err, "open", "x") == ST_INTERNAL);
}

int main(void)
{
    top = temp_folder();
    made();
    listed();
    locked();
    said();
    temp_remove(top);
    return tap_end();
}

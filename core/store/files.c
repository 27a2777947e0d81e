#include "store/files.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "store/disk.h"
#include "store/folder.h"

#define BOOT_MAX 64
/* A folder's time has the kernel's tick: what is written within one, after our
 * look, would not show. */
#define SETTLED_MS 100
/* The letters of a name that are the driver's: nobody meets another by
 * chance, and who did would share a bound. */
#define GROUP_HEX 16

struct files {
    int fd;
    int64_t ttl_ms, max;
    int64_t views, driver_max; /* of one driver */
    char boot[BOOT_MAX + 1];
    int64_t seen_ms; /* the folder's time when it was in bounds; 0: unknown */
    int64_t due_ms;  /* when the oldest file there expires */
};

static_assert(FILE_NAME_SIZE == SHA256_HEX, "a file is named by a hash");

/* ---- open ---- */

static enum status read_boot(char out[BOOT_MAX + 1], struct err *err)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, BOOT_MAX);
    enum status st = ST_OK;

    if (n <= 0)
        st = file_errno(err, "read", "the machine's boot_id");
    out[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        close(fd);
    return st;
}

bool files_wanted(const struct conf *c)
{
    return strcmp(c->cache_files, "none") != 0;
}

enum status files_open(const struct conf *c, struct files **out,
                       struct err *err)
{
    struct files *f;
    enum status st;

    *out = NULL;
    if (!files_wanted(c))
        return ST_OK;
    f = calloc(1, sizeof *f);
    assert(f);
    f->ttl_ms = c->cache_ttl + c->cache_stale_if_error;
    f->views = c->cache_views;
    f->driver_max = c->cache_files_driver;
    f->fd = -1;
    if ((st = read_boot(f->boot, err)) != ST_OK ||
        (st = folder_open(c->cache_files, &f->fd, err)) != ST_OK)
        files_close(&f);
    else
        f->max = disk_share(f->fd, c->cache_files_max);
    *out = f;
    return st;
}

void files_close(struct files **f)
{
    if (!*f)
        return;
    if ((*f)->fd >= 0)
        close((*f)->fd);
    free(*f);
    *f = NULL;
}

/* ---- one file ---- */

void files_name(const struct files *f, struct str user_id,
                const struct cache_token *t, struct str variant, bool chosen,
                int64_t read_began_ms, struct file_name *out)
{
    char text[1024], group[SHA256_HEX + 1];
    int n = snprintf(text, sizeof text, "%s\n%.*s\n%s\n%.*s\n%lld", f->boot,
                     STR_ARG(user_id), t->z, STR_ARG(variant),
                     (long long)read_began_ms);

    assert(n > 0 && (size_t)n < sizeof text);
    digest_sha256((struct str){text, (size_t)n}, out->z);
    n = snprintf(text, sizeof text, "%d\n%.*s", chosen, STR_ARG(user_id));
    assert(n > 0 && (size_t)n < sizeof text);
    digest_sha256((struct str){text, (size_t)n}, group);
    memcpy(out->z, group, GROUP_HEX);
}

bool files_have(const struct files *f, const struct file_name *name)
{
    return faccessat(f->fd, name->z, F_OK, 0) == 0;
}

enum status files_read(const struct files *f, const struct file_name *name,
                       struct buf *out, struct err *err)
{
    int fd = openat(f->fd, name->z, O_RDONLY | O_CLOEXEC);
    char piece[16384];
    enum status st = ST_OK;
    ssize_t n = 0;

    if (fd < 0)
        return file_errno(err, "open", "a file of cache.files");
    while ((n = read(fd, piece, sizeof piece)) > 0 && buf_ok(out))
        buf_put(out, (struct str){piece, (size_t)n});
    if (n < 0)
        st = file_errno(err, "read", "a file of cache.files");
    else if (!buf_ok(out))
        st = err_set(err, ST_TOO_LARGE, NULL, "a file of cache.files is large");
    close(fd);
    return st;
}

struct writing {
    int fd;
    struct err *err;
};

static enum status write_part(void *to, struct str part)
{
    struct writing *w = to;

    /* Asked for each part: the file itself may be what fills the disk. */
    if (disk_lacks(w->fd) > 0)
        return err_set(w->err, ST_UNAVAILABLE, "files_no_room",
                       "the rest of the disk of cache.files is kept for the "
                       "stores: free some space or use a larger disk");
    return file_write(w->fd, part, w->err);
}

/* Its age stands in its times: maintenance knows nothing else of it. */
static enum status file_finish(struct files *f, int fd, const char *temp,
                               const struct file_name *name, int64_t began_ms,
                               struct err *err)
{
    struct timespec began = {began_ms / 1000, began_ms % 1000 * 1000000};

    if (futimens(fd, (struct timespec[]){began, began}) != 0)
        return file_errno(err, "date", "a file of cache.files");
    if (fault_point("files.rename"))
        return err_set(err, ST_UNAVAILABLE, NULL, "fault point");
    if (renameat(f->fd, temp, f->fd, name->z) != 0)
        return file_errno(err, "rename", "a file of cache.files");
    return ST_OK;
}

enum status files_write(struct files *f, const struct file_name *name,
                        int64_t read_began_ms, files_source source, void *ctx,
                        struct err *err)
{
    char temp[TEMP_NAME_MAX + 1];
    struct writing w = {.err = err};
    enum status st;

    temp_name(temp);
    if ((st = temp_create(f->fd, temp, &w.fd, err)) != ST_OK)
        return st;
    st = source(ctx, write_part, &w, err);
    if (st == ST_OK)
        st = file_finish(f, w.fd, temp, name, read_began_ms, err);
    close(w.fd);
    if (st != ST_OK)
        (void)unlinkat(f->fd, temp, 0); /* else maintenance finds it */
    return st;
}

/* ---- bounds ---- */

struct aged {
    const char *name;
    int64_t at_ms, size;
    bool temp;
    bool spare; /* over its driver's bound */
};

static int64_t ms_of(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int oldest_first(const void *pa, const void *pb)
{
    const struct aged *a = pa, *b = pb;

    return (a->at_ms > b->at_ms) - (a->at_ms < b->at_ms);
}

/* Of a driver's files the newest first; temporaries are nobody's yet. */
static int aged_by_driver(const void *pa, const void *pb)
{
    const struct aged *a = pa, *b = pb;
    int order = strncmp(a->name, b->name, GROUP_HEX);

    return order ? order : oldest_first(pb, pa);
}

static bool aged_same_driver(const struct aged *a, const struct aged *b)
{
    return !a->temp && !b->temp && strncmp(a->name, b->name, GROUP_HEX) == 0;
}

/* Marks what each driver has too much of: beyond the first that does not fit
 * none counts, or a small old one would outlive a large newer one. */
static void aged_mark_spare(const struct files *f, struct aged *file, size_t n)
{
    int64_t count = 0, total = 0;

    qsort(file, n, sizeof *file, aged_by_driver);
    for (size_t i = 0; i < n; i++) {
        bool first = !i || !aged_same_driver(&file[i - 1], &file[i]);

        count = first ? 1 : count + 1;
        total = first ? file[i].size : total + file[i].size;
        file[i].spare = !first && (count > f->views || total > f->driver_max);
    }
}

/* Temporaries count like the rest: a crashed writer's expires as any does. */
static enum status list_all(struct files *f, struct arena *a, struct aged **out,
                            size_t *n, struct err *err)
{
    struct folder_names names[2];
    enum status st;

    if ((st = folder_names(f->fd, NAMES_PLAIN, a, &names[0], err)) != ST_OK ||
        (st = folder_names(f->fd, NAMES_TEMP, a, &names[1], err)) != ST_OK)
        return st;
    *out = arena_alloc_n(a, names[0].n + names[1].n + 1, sizeof **out);
    *n = 0;
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < names[k].n; i++) {
            struct stat sb;

            if (fstatat(f->fd, names[k].v[i], &sb, AT_SYMLINK_NOFOLLOW) == 0)
                (*out)[(*n)++] = (struct aged){.name = names[k].v[i],
                                               .at_ms = ms_of(sb.st_mtim),
                                               .size = sb.st_size,
                                               .temp = k == 1};
        }
    return ST_OK;
}

static enum status files_remove(struct files *f, const struct aged *file,
                                struct err *err)
{
    if (unlinkat(f->fd, file->name, 0) && errno != ENOENT)
        return file_errno(err, "remove", file->name);
    return ST_OK;
}

/* What each driver has too much of goes; the rest is left, oldest first. */
static enum status files_trim_drivers(struct files *f, struct aged *file,
                                      size_t *n, struct err *err)
{
    enum status st = ST_OK;
    size_t left = 0;

    if (!*n)
        return ST_OK;
    aged_mark_spare(f, file, *n);
    for (size_t i = 0; st == ST_OK && i < *n; i++)
        if (file[i].spare)
            st = files_remove(f, &file[i], err);
        else
            file[left++] = file[i];
    *n = left;
    qsort(file, left, sizeof *file, oldest_first);
    return st;
}

static enum status files_trim(struct files *f, struct arena *a, int64_t now_ms,
                              struct err *err)
{
    struct aged *file;
    size_t n, i;
    int64_t total = 0, lacks;
    enum status st = list_all(f, a, &file, &n, err);

    if (st != ST_OK || (st = files_trim_drivers(f, file, &n, err)) != ST_OK)
        return st;
    lacks = disk_lacks(f->fd);
    for (i = 0; i < n; i++)
        total += file[i].size;
    for (i = 0; i < n && (total > f->max || lacks > 0 ||
                          now_ms - file[i].at_ms >= f->ttl_ms);
         i++) {
        if ((st = files_remove(f, &file[i], err)) != ST_OK)
            return st;
        total -= file[i].size;
        /* One that is being sent gives nothing back yet: the next look sees. */
        lacks -= file[i].size;
    }
    f->due_ms = i < n ? file[i].at_ms + f->ttl_ms : INT64_MAX;
    return ST_OK;
}

enum status files_evict(struct files *f, struct err *err)
{
    int64_t now_ms = clock_wall_us() / 1000, changed_ms;
    struct arena *a;
    struct stat sb;
    enum status st;

    if (fstat(f->fd, &sb) != 0)
        return file_errno(err, "look at", "cache.files");
    changed_ms = ms_of(sb.st_mtim);
    if (changed_ms == f->seen_ms && now_ms < f->due_ms && !disk_lacks(f->fd))
        return ST_OK;
    a = arena_new(0);
    st = files_trim(f, a, now_ms, err);
    arena_free(&a);
    f->seen_ms = now_ms - changed_ms > SETTLED_MS ? changed_ms : 0;
    return st;
}

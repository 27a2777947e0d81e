#include "store/dir_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "store/folder.h"

#define MD5_HEX 32
#define VALUE_MAX 256
#define TAIL_MAX 64

/* What is wrong with one file and says nothing of the store. */
static bool is_of_one_file(int error)
{
    return error == EACCES || error == EPERM || error == EIO;
}

/* It cannot be opened; if the folder shows it, that is its own affair. */
static enum status open_shut(int at, const char *path, struct dir_file *out,
                             struct err *err)
{
    out->shut = errno;
    if (fstatat(at, path, &out->sb, AT_SYMLINK_NOFOLLOW)) {
        errno = out->shut;
        return file_errno(err, "open", path);
    }
    return S_ISREG(out->sb.st_mode)
               ? ST_OK
               : err_set(err, ST_NOT_FOUND, NULL, "no object %s", path);
}

enum status dir_file_open(int at, const char *path, struct dir_file *out,
                          struct err *err)
{
    /* Non-blocking: a pipe under this name would else hang the process. */
    int fd = openat(at, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    out->fd = -1;
    out->shut = 0;
    if (fd < 0 && is_of_one_file(errno))
        return open_shut(at, path, out, err);
    if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP &&
        errno != ENXIO)
        return file_errno(err, "open", path);
    if (fd >= 0 && fstat(fd, &out->sb)) {
        close(fd);
        return file_errno(err, "look at", path);
    }
    if (fd >= 0 && S_ISREG(out->sb.st_mode)) {
        out->fd = fd;
        return ST_OK;
    }
    if (fd >= 0)
        close(fd);
    return err_set(err, ST_NOT_FOUND, NULL, "no object %s", path);
}

void dir_file_close(struct dir_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

int64_t dir_file_modified_us(const struct dir_file *f)
{
    return (int64_t)f->sb.st_mtim.tv_sec * 1000000 +
           f->sb.st_mtim.tv_nsec / 1000;
}

/* ---- the ETag ---- */

static bool same_version(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/*
    Stands behind the ETag in its attribute: what it was computed for.
 */
static void print_tail(const struct stat *sb, char out[TAIL_MAX])
{
    snprintf(out, TAIL_MAX, " %lld %lld.%09ld", (long long)sb->st_size,
             (long long)sb->st_mtim.tv_sec, sb->st_mtim.tv_nsec);
}

static bool keep_etag(int fd, const struct stat *sb, const struct etag *etag)
{
    char tail[TAIL_MAX], text[MD5_HEX + TAIL_MAX + 1];
    int n;

    print_tail(sb, tail);
    n = snprintf(text, sizeof text, "%.*s%s", MD5_HEX, etag->z, tail);
    return fsetxattr(fd, "user.dg.etag", text, (size_t)n, 0) == 0;
}

static bool kept_etag(int fd, const struct stat *sb, struct etag *out)
{
    char text[VALUE_MAX + 1], tail[TAIL_MAX];
    ssize_t n = fgetxattr(fd, "user.dg.etag", text, VALUE_MAX);

    if (n <= MD5_HEX)
        return false;
    text[n] = '\0';
    print_tail(sb, tail);
    if (strcmp(text + MD5_HEX, tail))
        return false;
    memcpy(out->z, text, MD5_HEX);
    return true;
}

/*
    MD5, as S3 computes it, of bytes and then of the file (fd -1: none).
 */
static enum status file_hash(int fd, struct str bytes, struct etag *out,
                             struct err *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char md5[EVP_MAX_MD_SIZE];
    char part[65536];
    off_t at = 0;
    ssize_t got = 0;
    unsigned n = 0;
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_md5(), NULL) &&
              EVP_DigestUpdate(ctx, bytes.p, bytes.n);

    while (ok && fd >= 0 && (got = pread(fd, part, sizeof part, at)) > 0) {
        ok = EVP_DigestUpdate(ctx, part, (size_t)got);
        at += got;
    }
    ok = ok && EVP_DigestFinal_ex(ctx, md5, &n) && n == MD5_HEX / 2;
    EVP_MD_CTX_free(ctx);
    if (got < 0)
        return file_errno(err, "read", "an object");
    if (!ok)
        return err_set(err, ST_UNAVAILABLE, NULL,
                       "OpenSSL gives no MD5, which ETags are made of: is "
                       "its FIPS provider the only one?");
    for (unsigned i = 0; i < n; i++)
        snprintf(out->z + 2 * i, 3, "%02x", md5[i]);
    return ST_OK;
}

/*
    For a file that somebody placed or edited. The result is kept for the next
    reader, but not while the file is young: a second edit within the clock's
    tick would leave size and mtime as they are. Where it cannot be kept (a
    read-only or foreign file) the next reader hashes again.
 */
static enum status etag_anew(struct dir_file *f, struct etag *out,
                             struct err *err)
{
    for (int tries = 0; tries < 3; tries++) {
        struct stat before = f->sb;
        enum status st;

        errno = 0;
        st = file_hash(f->fd, STR_NONE, out, err);

        if (st != ST_OK) {
            f->shut = is_of_one_file(errno) ? errno : 0;
            return st;
        }
        if (fstat(f->fd, &f->sb))
            return file_errno(err, "look at", "an object");
        if (!same_version(&before, &f->sb))
            continue;
        if (time(NULL) - f->sb.st_mtime > 1)
            keep_etag(f->fd, &f->sb, out);
        return ST_OK;
    }
    return err_set(err, ST_UNAVAILABLE, NULL,
                   "an object is being edited in place");
}

/* Never one of a body: whoever replaces the file names it by this. */
static void shut_etag(const struct stat *sb, struct etag *out)
{
    snprintf(out->z, sizeof out->z, "shut-%llx-%llx-%llx.%lx",
             (unsigned long long)sb->st_ino, (unsigned long long)sb->st_size,
             (unsigned long long)sb->st_mtim.tv_sec,
             (unsigned long)sb->st_mtim.tv_nsec);
}

enum status dir_file_etag(struct dir_file *f, struct etag *out, struct err *err)
{
    enum status st = ST_OK;

    *out = (struct etag){0};
    if (!f->shut && !kept_etag(f->fd, &f->sb, out))
        st = etag_anew(f, out, err);
    if (f->shut) {
        shut_etag(&f->sb, out);
        err_clear(err);
        st = ST_OK;
    }
    return st;
}

/* ---- reading ---- */

/* errno says why; the store is well. */
static enum status not_to_be_read(struct err *err)
{
    struct err why = ERR_NONE;

    (void)file_errno(&why, "read", "an object");
    return err_set(err, ST_CORRUPT, NULL, "%s", why.text);
}

static enum status get_text(int fd, const char *name, struct arena *a,
                            struct str *out, struct err *err)
{
    char text[VALUE_MAX];
    ssize_t n = fgetxattr(fd, name, text, sizeof text);

    *out = STR_NONE;
    if (n >= 0)
        *out = arena_copy(a, (struct str){text, (size_t)n});
    else if (errno == ERANGE)
        return err_set(err, ST_CORRUPT, NULL, "attribute %s is too long", name);
    else if (errno != ENODATA && errno != ENOTSUP)
        return file_errno(err, "read the attributes of", "an object");
    return ST_OK;
}

static enum status read_body(const struct dir_file *f, struct arena *a,
                             struct str *out, struct err *err)
{
    size_t size = (size_t)f->sb.st_size, n = 0;
    char *p = arena_alloc(a, size);

    while (n < size) {
        ssize_t got = pread(f->fd, p + n, size - n, (off_t)n);

        if (got < 0)
            return is_of_one_file(errno) ? not_to_be_read(err)
                                         : file_errno(err, "read", "an object");
        if (got == 0)
            return err_set(err, ST_UNAVAILABLE, NULL,
                           "an object was cut while it was read");
        n += (size_t)got;
    }
    *out = (struct str){p, n};
    return ST_OK;
}

enum status dir_file_read(const struct dir_file *f, struct arena *a,
                          struct object *out, struct err *err)
{
    enum status st;

    if (f->shut) {
        errno = f->shut;
        return not_to_be_read(err);
    }
    st = read_body(f, a, &out->body, err);
    out->modified_us = dir_file_modified_us(f);
    if (st == ST_OK)
        st = get_text(f->fd, "user.dg.trip_id", a, &out->meta.trip_id, err);
    if (st == ST_OK)
        st = get_text(f->fd, "user.dg.user_id", a, &out->meta.user_id, err);
    if (st == ST_OK)
        st = get_text(f->fd, "user.dg.behavior_score", a,
                      &out->meta.behavior_score, err);
    return st;
}

/* ---- writing ---- */

static enum status no_attribute(struct err *err)
{
    if (errno == ENOTSUP)
        return err_set(err, ST_UNAVAILABLE, NULL,
                       "the file system under objects.url keeps no extended "
                       "attributes of users: use ext4, xfs or btrfs (tmpfs "
                       "from Linux 6.6 on)");
    return file_errno(err, "set the attributes of", "an object");
}

static enum status set_attributes(int fd, const struct object_meta *meta,
                                  struct err *err)
{
    const struct object_meta none = {0}, *m = meta ? meta : &none;
    const struct {
        const char *name;
        struct str value;
    } all[] = {
        {"user.dg.content_type", STR_LIT("application/json")},
        {"user.dg.content_encoding", STR_LIT("gzip")},
        {"user.dg.trip_id", m->trip_id},
        {"user.dg.user_id", m->user_id},
        {"user.dg.behavior_score", m->behavior_score},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].value.n &&
            fsetxattr(fd, all[i].name, all[i].value.p, all[i].value.n, 0))
            return no_attribute(err);
    return ST_OK;
}

static enum status write_all(int fd, struct str body,
                             const struct object_meta *meta, bool sync,
                             struct etag *etag, struct err *err)
{
    enum status st = file_hash(-1, body, etag, err);
    struct stat sb;

    if (st == ST_OK)
        st = file_write(fd, body, err);
    if (st == ST_OK && fstat(fd, &sb))
        st = file_errno(err, "look at", "a new object");
    /* The ETag first: listings read it alone, and ext4 keeps what comes first
     * inside the inode. */
    if (st == ST_OK && !keep_etag(fd, &sb, etag))
        st = no_attribute(err);
    if (st == ST_OK)
        st = set_attributes(fd, meta, err);
    if (st == ST_OK && sync && fsync(fd))
        st = file_errno(err, "sync", "a new object");
    return st;
}

enum status dir_file_write(int folder, const char *name, struct str body,
                           const struct object_meta *meta, bool sync,
                           struct etag *etag, struct err *err)
{
    int fd;
    enum status st = temp_create(folder, name, &fd, err);

    *etag = (struct etag){0};
    if (st != ST_OK)
        return st;
    st = write_all(fd, body, meta, sync, etag, err);
    close(fd);
    return st;
}

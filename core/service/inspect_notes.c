#include "service/inspect_notes.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/buf.h"
#include "store/folder.h"

#define NOTES "notes"
#define STATE "state"
#define MAGIC "DG-inspect-1\n"
#define WRITE_AT (64 * 1024)
#define STATE_MAX ((size_t)8 * 1024 * 1024)

struct notes {
    const char *path;
    int folder, fd; /* fd: of the notes, locked */
    int64_t size;   /* of what is in the file */
    struct buf added;
};

/* Before the caller's text. */
struct notes_head {
    char magic[sizeof MAGIC - 1];
    int64_t size;
} __attribute__((packed));

static enum status notes_failed(const struct notes *n, const char *doing,
                                struct err *err)
{
    (void)file_errno(err, doing, NOTES);
    return err_add(err, "%s", n->path);
}

static enum status notes_lock(struct notes *n, struct err *err)
{
    bool locked = false;
    enum status st;

    n->fd = openat(n->folder, NOTES, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (n->fd < 0)
        return notes_failed(n, "open", err);
    st = file_lock_try(n->fd, &locked, err);
    if (st == ST_OK && !locked)
        return err_set(err, ST_BUSY, NULL,
                       "another inspect is under way (%s is locked)", n->path);
    return st;
}

enum status notes_open(const char *folder, struct notes **out, struct err *err)
{
    struct notes *n = calloc(1, sizeof *n);
    enum status st;

    assert(n);
    n->path = folder;
    n->folder = n->fd = -1;
    buf_init(&n->added, 2 * WRITE_AT);
    st = folder_open(folder, &n->folder, err);
    if (st == ST_OK)
        st = notes_lock(n, err);
    *out = n;
    if (st != ST_OK)
        notes_close(out);
    return st;
}

void notes_close(struct notes **np)
{
    struct notes *n = *np;

    if (!n)
        return;
    if (n->fd >= 0)
        close(n->fd);
    if (n->folder >= 0)
        close(n->folder);
    buf_free(&n->added);
    free(n);
    *np = NULL;
}

/* ---- going on ---- */

static enum status notes_cut(struct notes *n, int64_t size, struct err *err)
{
    struct stat sb;

    if (fstat(n->fd, &sb) != 0)
        return notes_failed(n, "look at", err);
    if (sb.st_size < size)
        return err_set(err, ST_CORRUPT, NULL, "%s/" NOTES " was cut", n->path);
    if (ftruncate(n->fd, (off_t)size) != 0 ||
        lseek(n->fd, (off_t)size, SEEK_SET) < 0)
        return notes_failed(n, "cut", err);
    n->size = size;
    buf_reset(&n->added);
    return ST_OK;
}

enum status notes_clear(struct notes *n, struct err *err)
{
    if (unlinkat(n->folder, STATE, 0) != 0 && errno != ENOENT)
        return notes_failed(n, "remove the state beside", err);
    return notes_cut(n, 0, err);
}

static enum status state_read(const struct notes *n, int fd, struct buf *out,
                              struct err *err)
{
    ssize_t got = 1;

    while (got > 0) {
        char *room = buf_room(out, WRITE_AT);

        if (!room)
            return err_set(err, ST_CORRUPT, NULL, "%s/" STATE " is too large",
                           n->path);
        got = read(fd, room, WRITE_AT);
        if (got < 0 && errno != EINTR)
            return notes_failed(n, "read the state beside", err);
        if (got < 0)
            got = 1;
        else
            buf_grown(out, (size_t)got);
    }
    return ST_OK;
}

static enum status state_judge(struct notes *n, struct str text,
                               struct arena *a, struct str *state,
                               struct err *err)
{
    struct notes_head head;

    if (text.n < sizeof head || memcmp(text.p, MAGIC, sizeof head.magic) != 0)
        return err_set(err, ST_CORRUPT, NULL, "%s/" STATE " is no state",
                       n->path);
    memcpy(&head, text.p, sizeof head);
    *state =
        arena_copy(a, (struct str){text.p + sizeof head, text.n - sizeof head});
    return notes_cut(n, head.size, err);
}

enum status notes_resume(struct notes *n, struct arena *a, struct str *state,
                         struct err *err)
{
    int fd = openat(n->folder, STATE, O_RDONLY | O_CLOEXEC);
    struct buf text;
    enum status st;

    *state = STR_NONE;
    if (fd < 0 && errno == ENOENT)
        return notes_clear(n, err);
    if (fd < 0)
        return notes_failed(n, "open the state beside", err);
    buf_init(&text, STATE_MAX);
    st = state_read(n, fd, &text, err);
    close(fd);
    if (st == ST_OK)
        st = state_judge(n, buf_str(&text), a, state, err);
    buf_free(&text);
    return st;
}

/* ---- writing ---- */

static enum status notes_flush(struct notes *n, struct err *err)
{
    enum status st = file_write(n->fd, buf_str(&n->added), err);

    if (st != ST_OK)
        return err_add(err, "%s/" NOTES, n->path);
    n->size += (int64_t)n->added.n;
    buf_reset(&n->added);
    return ST_OK;
}

enum status notes_add(struct notes *n, struct str bytes, struct err *err)
{
    assert(bytes.n <= WRITE_AT);
    buf_put(&n->added, bytes);
    return n->added.n < WRITE_AT ? ST_OK : notes_flush(n, err);
}

static enum status state_write(const struct notes *n, const char *temp,
                               struct str state, struct err *err)
{
    struct notes_head head = {.size = n->size};
    enum status st;
    int fd;

    memcpy(head.magic, MAGIC, sizeof head.magic);
    st = temp_create(n->folder, temp, &fd, err);
    if (st != ST_OK)
        return st;
    st = file_write(fd, (struct str){(const char *)&head, sizeof head}, err);
    if (st == ST_OK)
        st = file_write(fd, state, err);
    if (st == ST_OK && fsync(fd) != 0)
        st = notes_failed(n, "sync the state beside", err);
    close(fd);
    return st;
}

enum status notes_keep(struct notes *n, struct str state, struct err *err)
{
    char temp[TEMP_NAME_MAX + 1];
    enum status st = notes_flush(n, err);

    if (st == ST_OK && fdatasync(n->fd) != 0)
        st = notes_failed(n, "sync", err);
    if (st != ST_OK)
        return st;
    temp_name(temp);
    st = state_write(n, temp, state, err);
    if (st == ST_OK && renameat(n->folder, temp, n->folder, STATE) != 0)
        st = notes_failed(n, "name the state beside", err);
    if (st != ST_OK)
        unlinkat(n->folder, temp, 0);
    return st == ST_OK ? folder_sync(n->folder, n->path, err) : st;
}

/* ---- reading back ---- */

enum status notes_read(struct notes *n, notes_take take, void *ctx,
                       struct err *err)
{
    char *bytes = malloc(WRITE_AT);
    enum status st = notes_flush(n, err);
    int64_t at = 0;

    assert(bytes);
    while (st == ST_OK && at < n->size) {
        ssize_t got = pread(n->fd, bytes, WRITE_AT, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            st = notes_failed(n, "read", err);
        else if (got == 0)
            st =
                err_set(err, ST_CORRUPT, NULL, "%s/" NOTES " was cut", n->path);
        else
            st = take(ctx, (struct str){bytes, (size_t)got});
        at += got;
    }
    free(bytes);
    return st;
}

void notes_remove(struct notes *n)
{
    unlinkat(n->folder, STATE, 0);
    unlinkat(n->folder, NOTES, 0);
    rmdir(n->path);
}

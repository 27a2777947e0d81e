#include "answer/pieces.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/memory.h"
#include "store/disk.h"

struct piece {
    char *bytes; /* NULL: in the file, at `offset` */
    off_t offset;
    size_t size;
};

struct pieces {
    const char *folder;
    struct piece *at;
    int n, room;
    size_t total, in_memory;
    char *scratch; /* one piece on its way to or from the file */
    int fd;        /* -1: no file yet */
    off_t file_size;
    char *open; /* the piece that is being appended to, or NULL */
    size_t open_size;
};

static void pieces_free(void *ctx)
{
    struct pieces *p = ctx;

    for (int i = 0; i < p->n; i++)
        free(p->at[i].bytes);
    free(p->open);
    free(p->at);
    free(p->scratch);
    if (p->fd >= 0)
        close(p->fd);
}

struct pieces *pieces_new(const char *folder, struct arena *a)
{
    struct pieces *p = arena_alloc(a, sizeof *p);

    p->folder = folder;
    p->fd = -1; /* 0 would be somebody's */
    arena_defer(a, pieces_free, p);
    return p;
}

static char *must_alloc(size_t n)
{
    char *p = malloc(n);

    memory_check(p);
    return p;
}

static enum status scratch_open(struct pieces *p, struct err *err)
{
    if (p->fd < 0)
        p->fd = open(p->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (p->fd < 0)
        return err_set(err, ST_UNAVAILABLE, "no_scratch_file",
                       "cannot make a scratch file in %s: %s", p->folder,
                       strerror(errno));
    return ST_OK;
}

static enum status scratch_write(struct pieces *p, const char *bytes, size_t n,
                                 struct err *err)
{
    enum status st = scratch_open(p, err);

    if (st != ST_OK)
        return st;
    if (disk_lacks(p->fd) > 0)
        return err_set(err, ST_UNAVAILABLE, "no_scratch_space",
                       "the rest of the disk of %s is kept for the stores",
                       p->folder);
    for (size_t done = 0; done < n;) {
        ssize_t w =
            pwrite(p->fd, bytes + done, n - done, p->file_size + (off_t)done);

        if (w < 0 && errno == EINTR)
            continue;
        /* 0 for a part that is not empty: nothing would ever change. */
        if (w <= 0)
            return err_set(err, ST_UNAVAILABLE, "no_scratch_space",
                           "cannot write a scratch file in %s: %s", p->folder,
                           strerror(errno));
        done += (size_t)w;
    }
    p->file_size += (off_t)n;
    return ST_OK;
}

/* Takes `bytes` (malloc'ed) over. */
static enum status add_piece(struct pieces *p, char *bytes, size_t size,
                             struct err *err)
{
    struct piece piece = {.bytes = bytes, .size = size};
    enum status st;

    if (p->in_memory + size > PIECES_IN_MEMORY) {
        piece.bytes = NULL;
        piece.offset = p->file_size;
        st = scratch_write(p, bytes, size, err);
        free(bytes);
        if (st != ST_OK)
            return st;
    } else {
        p->in_memory += size;
    }
    if (p->n == p->room) {
        p->room = p->room ? 2 * p->room : 16;
        p->at = realloc(p->at, (size_t)p->room * sizeof *p->at);
        memory_check(p->at);
    }
    p->at[p->n++] = piece;
    return ST_OK;
}

static enum status close_open(struct pieces *p, struct err *err)
{
    char *bytes = p->open;
    size_t size = p->open_size;

    assert(bytes && size <= CACHE_PIECE_MAX);
    /* Whatever comes of it, the bytes are add_piece's from here on. */
    p->open = NULL;
    p->open_size = 0;
    return add_piece(p, bytes, size, err);
}

enum status pieces_put(struct pieces *p, struct str bytes, struct err *err)
{
    p->total += bytes.n;
    while (bytes.n) {
        size_t part;
        enum status st;

        if (!p->open)
            p->open = must_alloc(CACHE_PIECE_MAX);
        assert(p->open_size < CACHE_PIECE_MAX); /* a full one was closed */
        part = CACHE_PIECE_MAX - p->open_size;
        part = part < bytes.n ? part : bytes.n;
        memcpy(p->open + p->open_size, bytes.p, part);
        p->open_size += part;
        bytes.p += part;
        bytes.n -= part;
        if (p->open_size == CACHE_PIECE_MAX &&
            (st = close_open(p, err)) != ST_OK)
            return st;
    }
    return ST_OK;
}

enum status pieces_fetch(struct pieces *p, const size_t *size, int n,
                         piece_source source, void *ctx, struct err *err)
{
    assert(p->n == 0 && !p->open);
    for (int i = 0; i < n; i++) {
        char *bytes = must_alloc(size[i]);
        enum status st = source(ctx, i, size[i], bytes, err);

        assert(size[i] <= CACHE_PIECE_MAX); /* scratch_read's room */
        if (st != ST_OK) {
            free(bytes);
            return st;
        }
        if ((st = add_piece(p, bytes, size[i], err)) != ST_OK)
            return st;
        p->total += size[i];
    }
    return ST_OK;
}

static int pieces_count(const struct pieces *p)
{
    return p->n + (p->open != NULL);
}

static enum status scratch_read(struct pieces *p, const struct piece *piece,
                                struct str *out, struct err *err)
{
    assert(p->fd >= 0 && piece->size <= CACHE_PIECE_MAX);
    if (!p->scratch)
        p->scratch = must_alloc(CACHE_PIECE_MAX);
    for (size_t done = 0; done < piece->size;) {
        ssize_t r = pread(p->fd, p->scratch + done, piece->size - done,
                          piece->offset + (off_t)done);

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return err_set(err, ST_INTERNAL, "scratch_lost",
                           "cannot read a scratch file in %s: %s", p->folder,
                           r ? strerror(errno) : "it is shorter than written");
        done += (size_t)r;
    }
    *out = (struct str){p->scratch, piece->size};
    return ST_OK;
}

static enum status pieces_get(struct pieces *p, int index, struct str *out,
                              struct err *err)
{
    const struct piece *piece;

    assert(index >= 0 && index < pieces_count(p));
    if (index == p->n) {
        *out = (struct str){p->open, p->open_size};
        return ST_OK;
    }
    piece = &p->at[index];
    if (!piece->bytes)
        return scratch_read(p, piece, out, err);
    *out = (struct str){piece->bytes, piece->size};
    return ST_OK;
}

static enum status pieces_each(void *ctx, files_take take, void *to,
                               struct err *err)
{
    struct pieces *p = ctx;
    enum status st = ST_OK;

    for (int i = 0; st == ST_OK && i < pieces_count(p); i++) {
        struct str piece;

        st = pieces_get(p, i, &piece, err);
        if (st == ST_OK)
            st = take(to, piece);
    }
    return st;
}

struct answer_list pieces_list(struct pieces *p)
{
    return (struct answer_list){p->total, pieces_each, p};
}

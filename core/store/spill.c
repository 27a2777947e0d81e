#include "store/spill.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/list.h"
#include "base/memory.h"
#include "store/folder.h"

/*
 * A bucket is a chain of blocks in the file, from the last to the first, and
 * one in memory in front of them. An item is two lengths and the bytes.
 */
#define BLOCK_SIZE 4096
#define NO_BLOCK (-1)

struct spill_block {
    int64_t before; /* where the block before it lies in the file */
    uint32_t n;     /* bytes in use */
    char bytes[BLOCK_SIZE - 12];
} __attribute__((packed));

struct spill_lengths {
    uint16_t key, value;
};

_Static_assert(sizeof(struct spill_block) == BLOCK_SIZE, "whole pages");
_Static_assert(SPILL_ITEM_MAX + sizeof(struct spill_lengths) <= BLOCK_SIZE - 12,
               "an item fits into a block");

struct spill {
    const char *folder;
    int fd; /* -1: no file yet */
    int64_t size;
    struct spill_block *last[SPILL_BUCKETS]; /* NULL: nothing in it */
};

struct spill *spill_new(const char *folder)
{
    struct spill *s = calloc(1, sizeof *s);

    memory_check(s);
    s->folder = folder;
    s->fd = -1;
    return s;
}

void spill_free(struct spill **sp)
{
    struct spill *s = *sp;

    if (!s)
        return;
    for (int i = 0; i < SPILL_BUCKETS; i++)
        free(s->last[i]);
    if (s->fd >= 0)
        close(s->fd);
    free(s);
    *sp = NULL;
}

/* FNV-1a: who chose ids to fill one bucket would only cost memory. */
static int spill_bucket_of(struct str key)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < key.n; i++)
        h = (h ^ (unsigned char)key.p[i]) * UINT64_C(0x100000001b3);
    return (int)((h ^ h >> 32) % SPILL_BUCKETS);
}

static enum status spill_open_file(struct spill *s, struct err *err)
{
    if (s->fd < 0)
        s->fd = open(s->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return s->fd < 0 ? file_errno(err, "make a scratch file in", s->folder)
                     : ST_OK;
}

/* The block goes to the end of the file; an empty one stays in memory. A write
 * that fails in the middle is written over by the next. */
static enum status spill_write_block(struct spill *s, struct spill_block *b,
                                     struct err *err)
{
    const struct str bytes = {(const char *)b, sizeof *b};
    enum status st = spill_open_file(s, err);

    if (st != ST_OK)
        return st;
    if (lseek(s->fd, (off_t)s->size, SEEK_SET) < 0)
        return file_errno(err, "write a scratch file in", s->folder);
    if ((st = file_write(s->fd, bytes, err)) != ST_OK)
        return st;
    b->before = s->size;
    b->n = 0;
    s->size += BLOCK_SIZE;
    return ST_OK;
}

static struct spill_block *spill_block_of(struct spill *s, int bucket)
{
    struct spill_block *b = s->last[bucket];

    if (!b) {
        b = s->last[bucket] = calloc(1, sizeof *b);
        memory_check(b);
        b->before = NO_BLOCK;
    }
    return b;
}

enum status spill_add(struct spill *s, struct str key, struct str value,
                      struct err *err)
{
    struct spill_block *b = spill_block_of(s, spill_bucket_of(key));
    struct spill_lengths n = {(uint16_t)key.n, (uint16_t)value.n};
    enum status st = ST_OK;

    if (key.n + value.n > SPILL_ITEM_MAX)
        return err_set(err, ST_TOO_LARGE, NULL, "a text of %zu bytes",
                       key.n + value.n);
    if (b->n + sizeof n + key.n + value.n > sizeof b->bytes)
        st = spill_write_block(s, b, err);
    if (st != ST_OK)
        return st;
    memcpy(b->bytes + b->n, &n, sizeof n);
    b->n += (uint32_t)sizeof n;
    if (key.n)
        memcpy(b->bytes + b->n, key.p, key.n);
    b->n += (uint32_t)key.n;
    if (value.n)
        memcpy(b->bytes + b->n, value.p, value.n);
    b->n += (uint32_t)value.n;
    return ST_OK;
}

/* ---- taking back ---- */

static enum status spill_read_block(const struct spill *s, int64_t at,
                                    struct spill_block *out, struct err *err)
{
    size_t done = 0;

    while (done < sizeof *out) {
        ssize_t n = pread(s->fd, (char *)out + done, sizeof *out - done,
                          (off_t)(at + (int64_t)done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_errno(err, "read a scratch file in", s->folder);
        if (n == 0)
            return err_set(err, ST_CORRUPT, NULL,
                           "a scratch file in %s was cut", s->folder);
        done += (size_t)n;
    }
    return ST_OK;
}

static void spill_take_block(const struct spill_block *b, struct arena *a,
                             struct spill_items *items)
{
    const char *p = arena_copy(a, (struct str){b->bytes, b->n}).p;
    const char *end = p + b->n;

    while (p < end) {
        struct spill_lengths n;

        memcpy(&n, p, sizeof n);
        p += sizeof n;
        items->v = list_room(a, items->v, items->n, sizeof *items->v);
        items->v[items->n++] = (struct spill_item){
            .key = {p, n.key}, .value = {p + n.key, n.value}};
        p += n.key + n.value;
    }
}

static int spill_item_cmp(const void *pa, const void *pb)
{
    const struct spill_item *a = pa, *b = pb;
    int c = str_cmp(a->key, b->key);

    return c ? c : str_cmp(a->value, b->value);
}

static void spill_sort(struct spill_items *items)
{
    size_t kept = 0;

    if (items->n == 0)
        return;
    qsort(items->v, items->n, sizeof *items->v, spill_item_cmp);
    for (size_t i = 1; i < items->n; i++)
        if (spill_item_cmp(&items->v[kept], &items->v[i]) != 0)
            items->v[++kept] = items->v[i];
    items->n = kept + 1;
}

enum status spill_bucket(struct spill *s, int bucket, struct arena *a,
                         struct spill_items *out, struct err *err)
{
    struct spill_block read = {.before = NO_BLOCK};

    assert(bucket >= 0 && bucket < SPILL_BUCKETS);
    *out = (struct spill_items){NULL, 0};
    if (s->last[bucket]) {
        spill_take_block(s->last[bucket], a, out);
        read.before = s->last[bucket]->before;
    }
    while (read.before != NO_BLOCK) {
        enum status st = spill_read_block(s, read.before, &read, err);

        if (st != ST_OK)
            return st;
        assert(read.n <= sizeof read.bytes);
        spill_take_block(&read, a, out);
    }
    spill_sort(out);
    return ST_OK;
}

size_t spill_group_end(const struct spill_items *items, size_t from)
{
    size_t to = from + 1;

    while (to < items->n && str_eq(items->v[to].key, items->v[from].key))
        to++;
    return to;
}

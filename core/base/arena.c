#include "base/arena.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/fault.h"
#include "base/memory.h"

/* Only then: the header comes with the sanitizer's runtime, which a machine
 * that has the compiler need not have. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(ARENA_POISON)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#define ALIGNMENT _Alignof(max_align_t)
#define BLOCK_SIZE ((size_t)64 * 1024)

/*
 * The blocks are a stack, the newest on top, and only the top one is cut
 * from. That wastes the rest of a block when a large request comes, and buys
 * marks that are two words: everything above a mark is younger than it.
 */
struct block {
    struct block *below;
    size_t used, cap;
    _Alignas(max_align_t) char bytes[];
};

struct defer {
    struct defer *before;
    void (*free_fn)(void *);
    void *p;
};

struct arena {
    struct block *top;
    struct block *first; /* the `keep` bytes: stays until arena_free */
    struct defer *defers;
};

static struct block *block_push(struct block *below, size_t cap)
{
    struct block *b;

    assert(cap <= SIZE_MAX - sizeof *b);
    b = fault_point("arena.block") ? NULL : malloc(sizeof *b + cap);
    memory_check(b);
    b->below = below;
    b->used = 0;
    b->cap = cap;
    ASAN_POISON_MEMORY_REGION(b->bytes, cap);
    return b;
}

struct arena *arena_new(size_t keep)
{
    struct arena *a = malloc(sizeof *a);

    memory_check(a);
    a->first = a->top = block_push(NULL, keep);
    a->defers = NULL;
    return a;
}

void arena_free(struct arena **a)
{
    if (!*a)
        return;
    arena_reset(*a);
    free((*a)->first);
    free(*a);
    *a = NULL;
}

void arena_reset(struct arena *a)
{
    arena_release(a, (struct arena_mark){.block = a->first});
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t whole;
    char *p;

    assert(size <= SIZE_MAX - ALIGNMENT);
    assert(a->top->used <= a->top->cap);
    whole = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (whole > a->top->cap - a->top->used)
        a->top = block_push(a->top, whole > BLOCK_SIZE ? whole : BLOCK_SIZE);
    p = a->top->bytes + a->top->used;
    a->top->used += whole;
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    return memset(p, 0, size);
}

void *arena_alloc_n(struct arena *a, size_t n, size_t size)
{
    size_t whole;
    bool overflow = __builtin_mul_overflow(n, size, &whole);

    assert(!overflow);
    return arena_alloc(a, whole);
}

struct str arena_copy(struct arena *a, struct str s)
{
    return (struct str){arena_z(a, s), s.n};
}

char *arena_z(struct arena *a, struct str s)
{
    char *z;

    assert(s.n < SIZE_MAX);
    z = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(z, s.p, s.n);
    return z;
}

struct str arena_lower(struct arena *a, struct str s)
{
    char *p = arena_z(a, s);

    for (size_t i = 0; i < s.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] | 0x20); /* tolower() would ask the locale */
    return (struct str){p, s.n};
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    char *z;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    z = arena_alloc(a, (size_t)n + 1);
    vsnprintf(z, (size_t)n + 1, fmt, again);
    va_end(again);
    return (struct str){z, (size_t)n};
}

void arena_defer(struct arena *a, void (*free_fn)(void *), void *p)
{
    struct defer *d = arena_alloc(a, sizeof *d);

    *d = (struct defer){a->defers, free_fn, p};
    a->defers = d;
}

static void free_within(void *arena)
{
    struct arena *a = arena;

    arena_free(&a);
}

struct arena *arena_within(struct arena *a, size_t keep)
{
    struct arena *within = arena_new(keep);

    arena_defer(a, free_within, within);
    return within;
}

size_t arena_used(const struct arena *a)
{
    size_t sum = 0;

    for (const struct block *b = a->top; b; b = b->below)
        sum += b->used;
    return sum;
}

struct arena_mark arena_mark(struct arena *a)
{
    return (struct arena_mark){a->top, a->top->used, a->defers};
}

void arena_release(struct arena *a, struct arena_mark m)
{
    struct block *b;

    /* Cleanups first, the newest first: an older one may be what a newer one
     * still refers to, and their records lie in the blocks. */
    while (a->defers != m.defers) {
        struct defer *d = a->defers;

        assert(d && "mark is older than a reset");
        a->defers = d->before;
        d->free_fn(d->p);
    }
    while ((b = a->top) != m.block) {
        assert(b->below && "mark is older than a reset");
        a->top = b->below;
        free(b);
    }
    assert(m.used <= b->used);
    ASAN_POISON_MEMORY_REGION(b->bytes + m.used, b->cap - m.used);
    b->used = m.used;
}

/* arena.h - memory of one request: many allocations, one reset. */
#ifndef DG_BASE_ARENA_H
#define DG_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include "base/str.h"

struct arena;

struct arena *arena_new(size_t keep);
/*
    keep: how many bytes a reset holds on to; what a big request grew beyond
    that goes back to the system. Never NULL: a machine without memory aborts
    the process (the master replaces the worker).
 */
void arena_free(struct arena **a);
void arena_reset(struct arena *a);
/*
    Runs the cleanups in reverse order of arena_defer, then forgets all.
 */

void *arena_alloc(struct arena *a, size_t size);
/*
    Aligned for any type, zeroed, never NULL.
 */
void *arena_alloc_n(struct arena *a, size_t n, size_t size);
/*
    n * size with the overflow checked (an assertion).
 */

struct str arena_copy(struct arena *a, struct str s);
/*
    A copy with a NUL behind it that is not counted.
 */
char *arena_z(struct arena *a, struct str s);
struct str arena_lower(struct arena *a, struct str s);
/*
    A copy with its ASCII letters lowered.
 */
struct str arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void arena_defer(struct arena *a, void (*free_fn)(void *), void *p);
/*
    free_fn(p) at the next reset: hand foreign memory (a redisReply, a cJSON)
    to the arena on the line that receives it.
 */

struct arena *arena_within(struct arena *a, size_t keep);
/*
    Another one, which ends at this one's next reset: for what runs beside its
    owner, or is reset more often.
 */

size_t arena_used(const struct arena *a);
/*
    Bytes handed out since the last reset; for tests and the log.
 */

struct arena_mark {
    void *block;
    size_t used;
    void *defers;
};
struct arena_mark arena_mark(struct arena *a);
void arena_release(struct arena *a, struct arena_mark m);
/*
    Gives back everything since the mark (cleanups included): for a loop
    whose rounds need memory of their own.
 */

#endif

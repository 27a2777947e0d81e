/* list.h - arrays that grow in an arena. */
#ifndef DG_BASE_LIST_H
#define DG_BASE_LIST_H

#include <stddef.h>
#include <string.h>
#include "base/arena.h"

static inline void *list_room(struct arena *a, void *list, size_t n,
                              size_t size)
{
    void *grown;

    /* Full whenever n is a power of two: no capacity to keep. */
    if (n & (n - 1))
        return list;
    grown = arena_alloc_n(a, n ? 2 * n : 1, size);
    if (n)
        memcpy(grown, list, n * size);
    return grown;
}
/*
    The list of n items, moved if need be, with room for one more. It must have
    grown by this function only, from NULL.
 */

#endif

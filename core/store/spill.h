/*
 * spill.h - more texts than memory should hold, taken back group by group.
 *
 *   struct spill *s = spill_new(folder);
 *   spill_add(s, key, value, err);     // in any order, as often as one likes
 *   for (int i = 0; i < SPILL_BUCKETS; i++)
 *       spill_bucket(s, i, arena, &items, err);
 *
 * All values of a key are in one bucket, so who groups by key has only the
 * 256th part of all in memory. What does not fit into small buffers lies in a
 * file without a name, which ends with the process.
 */
#ifndef DG_STORE_SPILL_H
#define DG_STORE_SPILL_H

#include <stddef.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define SPILL_BUCKETS 256
#define SPILL_ITEM_MAX 2048 /* bytes of a key and a value together */

struct spill;

struct spill *spill_new(const char *folder);
/*
    folder: where the file lies when it is needed; it must outlive the spill.
 */
void spill_free(struct spill **s);

enum status spill_add(struct spill *s, struct str key, struct str value,
                      struct err *err) MUST_CHECK;
/*
    Copied. ST_TOO_LARGE over SPILL_ITEM_MAX; ST_UNAVAILABLE when the file
    cannot be made or written.
 */

struct spill_item {
    struct str key, value;
};
struct spill_items {
    struct spill_item *v; /* by key, then by value, as bytes; each once */
    size_t n;
};
enum status spill_bucket(struct spill *s, int bucket, struct arena *a,
                         struct spill_items *out, struct err *err) MUST_CHECK;
/*
    What was added to it so far, in the arena.
 */

size_t spill_group_end(const struct spill_items *items, size_t from);
/*
    Behind the last item that has the key of item `from`, the first of it.
 */

#endif

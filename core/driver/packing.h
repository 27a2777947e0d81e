/*
 * packing.h - which of a driver's trips lie in which pack, and putting them
 * there.
 *
 * A trip is loose while its row names no pack. When enough are loose, they are
 * packed, in the background of whoever noticed: new packs are written, and
 * loose trips join the pack that has just room for them, so that no two packs
 * of a driver would ever fit into one. That bounds their number whatever the
 * history was (trips replaced, packs lost): with n trips of B bytes there are
 * at most n / (PACKING_TRIPS / 2) + B / (PACKING_BYTES / 2) + 1.
 *
 * A pack is only ever rewritten with all the trips that it had and that still
 * count, over the very version that they were taken from; a new one is written
 * where none is, or over one that no row has named for long. So neither a crash
 * nor a second packer takes from anybody what his summary names; and whatever
 * did would only cost readers the single objects (pack.h).
 */
#ifndef DG_DRIVER_PACKING_H
#define DG_DRIVER_PACKING_H

#include "driver/call.h"
#include "driver/summary.h"
#include "driver/trip_object.h"
#include "store/stores.h"

/* Loose trips. Half of what the summary holds: their texts are still in it when
 * the packer wants them, and a run costs one packing for 32 finalizes. */
#define PACKING_DUE 32

/* A pack is read whole also for a few of its texts, and rewritten whole when
 * one joins it; a packer holds one in memory. A large text gains nothing by a
 * pack: what its own read takes is its bytes, not the round trip. */
#define PACKING_TRIPS 256
#define PACKING_BYTES ((size_t)2 * 1024 * 1024) /* of fragments */
#define PACKING_TEXT_MAX ((int64_t)64 * 1024)

size_t packing_loose(const struct summary *sum);
/*
    How many trips are loose that could be packed. From PACKING_DUE on it pays.
 */

void packing_run(const struct call *c, struct summary *sum);
/*
    Packs what is loose, if it pays. sum: the summary as it was read or written
    within the last request_timeout; texts that its rows lack are fetched. Then
   the summary is written with the rows' new packs, also when others wrote it
   meanwhile. What cannot be done is counted, logged once, and left to the next
   run; two thirds of the deadline (which is request_timeout at most) are for
   the packs. In memory is one pack at a time.
 */
void packing_later(const struct call *c, const struct summary *sum);
/*
    The same after the call's answer, for who made one more trip loose: at every
    PACKING_DUE-th, so that so many share what one run costs even if none
    succeeds, and finalizes at once do not all begin one. What sum points to
    must live as long as the call's arena.
 */

/* ---- the plan: a pure function of the rows (packing_plan.c) ---- */

struct planned_pack { /* a pack to be written */
    int64_t number;   /* of the one that it replaces; PACK_NONE: a new one */
    struct summary_row **row; /* by end time */
    size_t n;
    size_t bytes; /* of their fragments */
};

struct packing_plan {
    struct planned_pack *pack;
    size_t n;
};

void packing_plan(const struct summary *sum, struct arena *a,
                  struct packing_plan *out);
/*
    What to write so that nothing is loose but what is too large. Rows of packs
    that stay as they are do not occur in it.
 */

/* ---- the texts of one of them (packing_texts.c) ---- */

struct packing_texts {
    struct text_want *want; /* its rows in order (texts.h); empty: not to be
                               had */
    struct etag version;    /* of the pack that is replaced; empty: none was
                               read */
};

enum status packing_texts(const struct call *c, const struct planned_pack *p,
                          struct packing_texts *out) MUST_CHECK;
/*
    From the rows themselves (loose ones), from the packs that they are in, one
    at a time, and from the trips' own objects. Not unpacked: whoever sends them
    does that. A text that is not what its row says is not to be had. ST_BUSY:
    the pack that is replaced may just have been written by another.
 */

/* ---- the packs that are there (packing_here.c) ---- */

struct pack_here {
    int64_t number;
    struct etag etag;
    int64_t modified_us;
};

struct packs_here {
    struct pack_here *pack; /* by number */
    size_t n;
};

enum status packs_list(const struct call *c, struct packs_here *out) MUST_CHECK;
/*
    In the call's arena. A listing is no snapshot: one that was written
   meanwhile may be missing.
 */
const struct pack_here *packs_find(const struct packs_here *here,
                                   int64_t number);
/*
    NULL: none of that number.
 */

#endif

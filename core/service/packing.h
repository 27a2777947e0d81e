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
 * A pack is only ever rewritten with all trips that it had and still count,
 * and a number that no row names any more is not given out before the summary
 * says so. So a reader with the summary of a moment ago finds what that names.
 */
#ifndef DG_SERVICE_PACKING_H
#define DG_SERVICE_PACKING_H

#include "service/service.h"
#include "service/summary.h"

#define PACKING_DUE 32 /* loose trips */
#define PACKING_TRIPS 256
#define PACKING_BYTES ((size_t)2 * 1024 * 1024) /* of fragments */
#define PACKING_TEXT_MAX ((int64_t)64 * 1024)   /* larger ones stay alone */

/* ---- the plan: a pure function of the rows ---- */

struct packing { /* a pack to be written */
    int64_t number;
    struct summary_row **row; /* by end time */
    size_t n;
    size_t bytes; /* of their fragments */
};

struct packing_plan {
    struct packing *pack;
    size_t n;
};

bool packing_due(const struct summary *s);
/*
    Whether so many trips are loose that packing pays: PACKING_DUE finalizes
    share what one run costs.
 */

void packing_plan(const struct summary *s, struct arena *a,
                  struct packing_plan *out);
/*
    What to write so that nothing is loose but what is too large. Rows of packs
    that stay as they are do not occur in it.
 */

#endif

/*
 * foreign.h - maintenance looks for what other programs wrote (rule 10).
 *
 * Nothing tells us that another program finalized a trip or added a batch to
 * it, so all trips are walked, over and over, a little at a time.
 */
#ifndef DG_SERVICE_FOREIGN_H
#define DG_SERVICE_FOREIGN_H

#include "driver/call.h"

struct foreign; /* where the walk is */

struct foreign *foreign_new(void);
void foreign_free(struct foreign **f);

enum status foreign_step(struct foreign *f, const struct call *c) MUST_CHECK;
/*
    Goes on for a second or so: page by page, and trip by trip of those that
    were found on a page. ST_OK also when single trips could not be scored: they
    are debts in the spool then, like any other. Any other status: a store is
    away, and the next step goes on from here. The arena is reset.
 */

#endif

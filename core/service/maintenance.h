/* maintenance.h - what the maintenance process of each host does. */
#ifndef DG_SERVICE_MAINTENANCE_H
#define DG_SERVICE_MAINTENANCE_H

#include "service/service.h"

enum status maintenance_pass(struct service *s,
                             const struct call *c) MUST_CHECK;
/*
    One look at the spool: finishes the trips that were left pending and
    delivers the token replacements that could not be delivered, as far as the
    stores allow now; and finalizes the trips that nobody does (abandoned.h).
    A debt that fails by itself stays with a pause of its own and delays no
    other (doc/spool.md); how many do is one line of the log. Any status but
    ST_OK: a store is away, and the next pass may well wait; c->err says what.
    Each debt has a deadline of its own, and the arena is reset between them.
    With migration.foreign_writers it also goes on looking for what other
    programs wrote (foreign.h).
    Also tidies, and once an hour sweeps the object store's temporaries.
 */
void maintenance_tidy(struct stores *s);
/*
    Keeps cache.files in bounds. To be called about once a second, in the
   pauses, too: when the disk is full, what may be done without gives way at
   once.
 */

#endif

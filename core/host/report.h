/* report.h - what the service does now, for /stats and driveguardctl status. */
#ifndef DG_HOST_REPORT_H
#define DG_HOST_REPORT_H

#include "base/buf.h"
#include "host/scoreboard.h"
#include "store/stores.h"

struct pending {
    int64_t owed[DEBT_KINDS]; /* in this host's spool; -1: unknown */
    int64_t records;          /* trips whose analysis is owed, of all hosts; -1:
                                       the store cannot count them, or did not answer */
    struct err err;           /* why something is unknown; ST_OK: all is well */
};

void pending_unknown(struct pending *out);
/*
    Nothing is known: the stores could not even be opened.
 */
void pending_count(struct stores *s, struct deadline d, struct pending *out);
/*
    No failure of its own: what cannot be counted is -1, so that the rest of a
    report is there also while a store is away.
 */

void report_json(const struct board_view *v, const struct pending *p,
                 struct buf *out);
/*
    {"version", "uptime_seconds", "started_at", "master_pid",
     "configuration_generation", "workers": [{"role", "number", "slot" ...}],
     "counters": {...}, "pending": {...}}. Every process is listed under
    "workers" with its role; ms are since the request began.
 */

#endif

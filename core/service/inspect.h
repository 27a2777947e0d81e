/* inspect.h - what is in the tables before a migration: only reads. */
#ifndef DG_SERVICE_INSPECT_H
#define DG_SERVICE_INSPECT_H

#include "driver/call.h"
#include "service/inspect_report.h"

struct inspect_options {
    int segments;  /* of a table, read at once: 1 to WALK_SEGMENTS_MAX */
    int64_t units; /* read units a second at most; 0: as fast as it goes */
    bool anew;     /* whatever an earlier one left is forgotten */
    /* Now and then: so many items of that table of about total. */
    void (*progress)(void *ctx, const char *table, int64_t done, int64_t total);
    void *ctx;
};

struct inspection {
    struct survey_state state[SURVEY_TABLES]; /* as it is at the end */
    struct inspect_report report;
    int64_t began_us, ended_us;
    bool resumed; /* an earlier one had been interrupted */
};

enum status inspect(const struct call *c, const struct inspect_options *o,
                    struct inspection *out) MUST_CHECK;
/*
    Every table once, by segments. What it has so far lies in
    server.spool/inspect, at most some seconds old, and the next one goes on
    from there; ST_BUSY: another is under way. Memory does not grow with the
    tables; that folder has up to 33 bytes an item but batches. ST_PRECONDITION:
    what lies there is of other tables, or of another version of this program.
 */

#endif

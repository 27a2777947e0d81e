/*
 * handover.h - connections on their way from one process to another: with
 * answers' rests from a worker to the sender, and kept ones (kept.h) from
 * whoever has them to any worker.
 *
 * A channel has two ends, which the master holds for all its children: what was
 * handed over while nobody takes waits for the next one.
 */
#ifndef DG_FCGI_HANDOVER_H
#define DG_FCGI_HANDOVER_H

#include <stdbool.h>
#include "fcgi/unsent.h"
#include "host/scoreboard.h"

struct handover_channel {
    int give, take; /* -1: not in this process */
};

enum status handover_open(struct handover_channel *out,
                          struct err *err) MUST_CHECK;
void handover_close(struct handover_channel *c);

struct handover {
    int conn; /* to the web server */
    struct unsent
        rest; /* all that it is still to get; after that it is closed */
    char request_id[SCOREBOARD_ID_MAX];
    bool keep; /* or it is not closed: the web server asked to keep it */
};

enum status handover_give(const struct handover_channel *c,
                          const struct handover *h, struct err *err) MUST_CHECK;
/*
    The descriptors stay the caller's own as well. ST_UNAVAILABLE: nobody took
    anything from the channel for a second, and it is full.
 */

bool handover_take(const struct handover_channel *c, struct handover *out);
/*
    The next one, if any; its descriptors are the caller's. Never waits.
 */

/* ---- kept connections ---- */

bool handover_give_conn(const struct handover_channel *c, int conn);
/*
    The descriptor stays the caller's own as well. Never waits. False: the
    channel is full, shut, or not this process's.
 */
int handover_take_conn(const struct handover_channel *c);
/*
    The next one, now the caller's, or -1. Never waits.
 */
void handover_shut(const struct handover_channel *c);
bool handover_is_shut(const struct handover_channel *c);
/*
    For all processes: nothing is given any more. What was given can be taken.
 */

#endif

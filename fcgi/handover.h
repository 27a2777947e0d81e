/*
 * handover.h - answers' rests on their way from a worker to the sender.
 *
 * A channel has two ends, which the master holds for all its children: what was
 * handed over while there is no sender waits for the next one.
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

#endif

/*
 * trouble.h - one that fails, or all: what a round over many drivers makes of a
 * failure.
 *
 * A failure that says "the store is away" may be one driver's alone: objects of
 * his that are refused, or that hang. So the stores are asked. When they
 * answer, it is his: he is left for now, and the round goes on. When they do
 * not, everybody else's call would wait in vain as well: the round is over, and
 * nobody has failed.
 */
#ifndef DG_SERVICE_TROUBLE_H
#define DG_SERVICE_TROUBLE_H

#include "driver/call.h"

/* So many drivers in a row, or so long in vain: then it is no single driver's,
 * whatever the stores say. */
#define TROUBLE_ROW 20
#define TROUBLE_ROW_MS 30000

struct trouble { /* of one round; zeroed at its beginning */
    bool away;   /* the stores are; then why: */
    struct err why;
    int row;        /* failed one after the other, since something went well, */
    int64_t row_ms; /* and took so long */
    int64_t asked_ms; /* when the stores answered last */
    int64_t passed;   /* went well */
};

enum trouble_of { TROUBLE_HIS, TROUBLE_ALL };
enum trouble_of trouble_met(struct trouble *t, const struct call *c,
                            enum status st, int64_t took_ms);
/*
    The work for c->user_id has failed by st after so long. TROUBLE_ALL says
    that t->away is set.
 */
bool trouble_lasts(const struct trouble *t);
/*
    Whether the round is over: the stores are away, or too much failed in a row.
 */
void trouble_passed(struct trouble *t);
/*
    Something went well.
 */

#endif

/*
 * rights.h - what may be done in S3 and DynamoDB: rights.def, one line each.
 *
 * A right that lacks is seen only by who makes the call, which may be days
 * later. So each one that the service has is tried (objects_rights,
 * records_rights) by a call that answers and changes nothing.
 */
#ifndef DG_STORE_RIGHTS_H
#define DG_STORE_RIGHTS_H

#include <stdbool.h>
#include "base/err.h"

enum right_place {
    PLACE_BUCKET,
    PLACE_OBJECTS, /* users/, probe/ */
    PLACE_INSTALLATION,
    PLACE_USERS,
    PLACE_USERS_INDEX,
    PLACE_TRIPS,
    PLACE_BATCHES,
    PLACE_BATCHES_INDEX,
    PLACE_SUMMARIES,
    PLACES
};

enum right_who { WHO_SERVICE = 1, WHO_OPERATOR = 2, WHO_BOTH = 3 };

/* What goes on without it: the service cannot do its work; it can, but not all
 * of it; it is not the service's. */
enum right_weight { WEIGHT_NEEDED, WEIGHT_PARTLY, WEIGHT_NONE };

enum right {
#define RIGHT(name, place, who, weight, action) RIGHT_##name,
#include "store/rights.def"
#undef RIGHT
    RIGHTS
};

struct right_text {
    enum right_place place;
    enum right_who who;
    enum right_weight weight;
    const char *action; /* as IAM has it */
};
const struct right_text *right_text(enum right r);
const char *right_place_text(enum right_place place);
/*
    For people: "the trips table".
 */

/* What came of a try. UNTOLD: neither; err says what was met instead. */
enum right_found { FOUND_UNTRIED, FOUND_THERE, FOUND_REFUSED, FOUND_UNTOLD };

struct tried {
    enum right_found found;
    struct err err;
};

bool right_shown(enum status st);
/*
    Whether a call that ended so had its right: ST_OK, and what a service says
    only to who may (there is nothing, the condition does not hold, another
    writer interfered).
 */
void tried_end(struct tried *t, enum status st, const struct err *err);
/*
    By what the call returned: a refusal is ST_DENIED.
 */

const struct tried *tried_worst(const struct tried t[RIGHTS],
                                enum right_place from, enum right_place to,
                                enum right_weight weight, enum right *which);
/*
    The first one of that weight at those places that was refused; NULL: none.
 */

#endif

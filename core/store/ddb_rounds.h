/* ddb_rounds.h - a batch call, and again for what DynamoDB left unprocessed. */
#ifndef DG_STORE_DDB_ROUNDS_H
#define DG_STORE_DDB_ROUNDS_H

#include "base/json.h"
#include "store/ddb.h"

struct ddb_rounds {
    const char *operation;  /* "BatchGetItem", ... */
    const struct str *item; /* what is asked for */
    size_t n;
    size_t (*fitting)(const struct str *item, size_t n);
    void (*ask)(void *ctx, struct json_out *o, const struct str *item,
                size_t n);
    struct json (*unprocessed)(void *ctx, struct json reply);
    struct str (*again)(void *ctx, struct json unprocessed, struct arena *a);
    enum status (*got)(void *ctx, struct json reply, struct arena *a,
                       struct err *err);
    void *ctx;
};
/*
    fitting: how many of the next items, at least one, go into one request.
    ask: the members of its RequestItems.
    unprocessed: the array of what a reply leaves; again: one of it as an item
    (empty: it is none), in the arena. got: the rest of the reply.
 */

enum status ddb_rounds(struct ddb *db, const struct ddb_rounds *what,
                       struct deadline d, struct arena *a,
                       struct err *err) MUST_CHECK;
/*
    Several requests at once, and rounds of them until nothing is left. A round
    without any progress means that the table is throttled: then a growing,
    jittered pause; ST_UNAVAILABLE when the deadline does not allow it.
 */

#endif

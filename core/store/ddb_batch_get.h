/* ddb_batch_get.h - many items of one table by their keys. */
#ifndef DG_STORE_DDB_BATCH_GET_H
#define DG_STORE_DDB_BATCH_GET_H

#include "store/ddb.h"

struct ddb_batch_get {
    const char *table, *key_name;
    const struct str *key; /* each once */
    size_t n;
    const char *fields; /* names of attributes, "a,b"; NULL: all */
};

typedef enum status (*ddb_item)(void *ctx, struct json item, struct arena *a,
                                struct err *err);

enum status ddb_batch_get(struct ddb *db, const struct ddb_batch_get *what,
                          struct deadline d, struct arena *a, ddb_item each,
                          void *ctx, struct err *err) MUST_CHECK;
/*
    BatchGetItem, strongly consistent, several requests at once, and again for
    the keys that DynamoDB leaves unprocessed. Items come in any order, those
    that are not there not at all; their texts live in the arena. The callback
    must not call the store.
 */

enum status ddb_unprocessed_pause(const char *operation, struct deadline d,
                                  int idle, struct err *err) MUST_CHECK;
/*
    Before the next round of a batch call: nothing when the last round got on
    (idle 0), else a growing, jittered pause. ST_UNAVAILABLE when the deadline
    does not allow it.
 */

#endif

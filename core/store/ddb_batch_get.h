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

#endif

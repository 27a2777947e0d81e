/* ddb_batch_write.h - many items of one table put or deleted. */
#ifndef DG_STORE_DDB_BATCH_WRITE_H
#define DG_STORE_DDB_BATCH_WRITE_H

#include "store/ddb.h"

struct str ddb_put_request(struct json item, struct arena *a);
struct str ddb_delete_request(const char *key_name, struct str key,
                              struct arena *a);
/*
    One write as BatchWriteItem wants it: a whole item in DynamoDB's typed JSON,
    or the key of the item to delete.
 */

enum status ddb_batch_write(struct ddb *db, const char *table,
                            const struct str *request, size_t n,
                            struct deadline d, struct arena *a,
                            struct err *err) MUST_CHECK;
/*
    BatchWriteItem, 25 a request and several requests at once, and again for
    those that DynamoDB leaves unprocessed. Unconditional, and no transaction:
    for what nobody else writes any more, such as an erased driver's records.
    After a failure some are done; the same call again does the rest. Each key
    once (DynamoDB refuses a request that names one twice).
 */

#endif

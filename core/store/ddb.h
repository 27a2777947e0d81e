/*
 * ddb.h - calls of DynamoDB: requests and replies as JSON text.
 */
#ifndef DG_STORE_DDB_H
#define DG_STORE_DDB_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/json.h"
#include "store/aws.h"

/* Of 25 items of 400 KB each, as JSON: `{"BOOL":true},` in a list is two of
 * DynamoDB's bytes. */
#define DDB_REPLY_MAX (80 * 1024 * 1024)
#define DDB_REQUEST_MAX (8 * 1024 * 1024)
#define DDB_DEPTH                                                              \
    (2 * JSON_DEPTH + 8) /* each level of a value names its type */
#define DDB_ITEM_MAX (400 * 1024)

struct ddb {
    struct aws *aws;
    const char *region;
    const char *users, *trips, *batches, *summaries;
    const char *email_index, *batches_index;
};

enum status ddb_open(struct ddb *db, const struct conf *c,
                     struct err *err) MUST_CHECK;
/*
    By the settings of [dynamodb], which must outlive it. Connects to nothing.
 */
void ddb_close(struct ddb *db);

struct ddb_reply {
    struct json root; /* in the arena */
    bool unsure;      /* as of aws_reply: a refused condition may be the echo
                         of our own success */
    bool no_table;    /* it failed because the table is not there */
    bool invalid;     /* DynamoDB does not take what was sent */
};

enum status ddb_call(struct ddb *db, const char *operation, struct str body,
                     struct deadline d, struct arena *a, struct ddb_reply *out,
                     struct err *err) MUST_CHECK;
/*
    operation: "GetItem", ... As aws_call; ST_TOO_LARGE also for an item over
    400 KB, ST_UNAVAILABLE for a table that is not there and for a reply that is
    none of this operation's, ST_NOT_FOUND (no_index) for an index that is not
    there or still being made.
 */

/* ---- many at once ---- */

typedef bool (*ddb_next)(void *ctx, struct arena *a, struct str *body,
                         void **user);
typedef enum status (*ddb_done)(void *ctx, void *user, struct json root,
                                struct arena *a, struct err *err);
enum status ddb_run(struct ddb *db, const char *operation, ddb_next next,
                    ddb_done done, void *ctx, struct deadline d,
                    struct arena *a, struct err *err) MUST_CHECK;
/*
    All requests that next gives (asked again after it gave none, as aws_next
    is), several at once; each reply's JSON, copied to
    the arena, goes to done, which must not call the store. The first failure
    ends it all.
 */

#endif

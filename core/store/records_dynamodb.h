/*
 * records_dynamodb.h - what the files of the DynamoDB record store share.
 *
 * records_dynamodb.c has the calls' list and the checks; the calls themselves
 * are in records_dynamodb_{users,emails,trips,batches}.c, each as the function
 * of records.h of that name. Tables and attributes: see doc/storage.md,
 * "Records"; one is added, `batch_numbers` (a set of numbers) of a trip: which
 * batches total_batches counts, so that none is counted twice.
 */
#ifndef DG_STORE_RECORDS_DYNAMODB_H
#define DG_STORE_RECORDS_DYNAMODB_H

#include "store/ddb.h"
#include "store/ddb_expr.h"
#include "store/ddb_item.h"
#include "store/email_roll.h"
#include "store/records_impl.h"

struct dynamodb {
    struct records base;
    struct ddb db;
    struct arena *arena; /* for calls that return no memory */
    bool index_warned;
    int64_t email_index_due_ms; /* not there; when to ask again. 0: it is */
    struct email_roll *roll;    /* NULL until it is needed */
    int64_t roll_due_ms;        /* a reading failed; when to try again */
    const char *spool, *endpoint;
};

struct dynamodb *dynamodb_of(struct records *r);

/* ---- one item ---- */

enum status dynamodb_get(struct dynamodb *s, const char *table,
                         const char *key_name, struct str key,
                         struct deadline d, struct arena *a, struct json *item,
                         struct err *err) MUST_CHECK;
/*
    By key, strongly consistent. ST_NOT_FOUND.
 */

/* ---- many items ---- */

typedef enum status (*dynamodb_item)(void *ctx, struct json item,
                                     struct arena *a, struct err *err);

struct dynamodb_query {
    const char *table, *index;  /* index NULL: the table itself */
    const char *where;          /* KeyConditionExpression */
    const char *filter;         /* FilterExpression; NULL: none */
    const char *fields;         /* ProjectionExpression; NULL: all */
    const char *names, *values; /* their JSON objects, as texts */
    bool lagging; /* what was written a moment ago need not be seen */
};

enum status dynamodb_query(struct dynamodb *s, const struct dynamodb_query *q,
                           struct deadline d, dynamodb_item each, void *ctx,
                           struct err *err) MUST_CHECK;
/*
    Query, page by page. The callback must not call the store.
 */

enum status dynamodb_scan(struct dynamodb *s, const struct dynamodb_query *q,
                          struct deadline d, dynamodb_item each, void *ctx,
                          struct err *err) MUST_CHECK;
/*
    The whole table (where is not used), in segments at once, strongly
    consistent. The callback may call the store.
 */

struct str dynamodb_scan_body(const struct dynamodb_query *q, int segment,
                              int segments, struct str start, struct arena *a);
/*
    The request of one page; start: the JSON of the LastEvaluatedKey of the page
    before, or empty.
 */

enum status dynamodb_walk_table(struct dynamodb *s,
                                const struct dynamodb_query *q, const char *key,
                                struct trip_walk *at, struct deadline d,
                                dynamodb_item each, void *ctx,
                                struct err *err) MUST_CHECK;
/*
    As records_walk, of any table, whose items have that key. When the store
    fails, nothing of these pages was passed.
 */

/* ---- users, for other files ---- */

enum status dynamodb_email_query(struct dynamodb *s, struct str email,
                                 struct deadline d, struct arena *a,
                                 struct email_ids *out,
                                 struct err *err) MUST_CHECK;
/*
    By the index that the settings name. ST_NOT_FOUND (no_index): there is none,
    or it is still being made.
 */

void dynamodb_email_given(struct dynamodb *s, struct str email,
                          struct str user_id);
/*
    That user has just been put with that e-mail: so that this host finds him
    at once also without an index.
 */

/* ---- trips, for batches, too ---- */

enum status dynamodb_read_trip(struct json item, struct arena *a,
                               struct trip *out, struct err *err) MUST_CHECK;

/* ---- batches by their numbers ---- */

enum status dynamodb_put_item(struct json_out *o, const struct batch *b,
                              struct err *err) MUST_CHECK;
/*
    The members of a batch's item.
 */
enum status dynamodb_get_numbers(struct dynamodb *s, struct str trip_id,
                                 const int64_t *number, size_t n,
                                 const char *fields, struct deadline d,
                                 struct arena *a, dynamodb_item each, void *ctx,
                                 struct err *err) MUST_CHECK;
/*
    Those that are there, by key, in any order. fields NULL: all attributes.
 */

enum status dynamodb_get_beside(struct dynamodb *s, struct str trip_id,
                                const int64_t *number, size_t n,
                                const char *fields, struct deadline d,
                                struct arena *a, dynamodb_item each, void *ctx,
                                struct err *err) MUST_CHECK;
/*
    For a record that does not list its numbers: the batches beside each of
    these clients' numbers (batch_place.h). One stands there only if those
    before it do, so they are asked for in turn until one is missing. fields
    has batch_number.
 */

/* ---- the calls ---- */

void dynamodb_rights(struct records *r, struct deadline d,
                     struct tried tried[RIGHTS]);
enum status dynamodb_user(struct records *r, struct str user_id,
                          struct deadline d, struct arena *a, struct user *out,
                          struct err *err);
enum status dynamodb_user_by_email(struct records *r, struct str email,
                                   struct deadline d, struct arena *a,
                                   struct user *out, struct err *err);
enum status dynamodb_ids_by_email(struct records *r, struct str email,
                                  struct deadline d, struct arena *a,
                                  struct email_ids *out, struct err *err);
enum status dynamodb_user_put(struct records *r, const struct user *u,
                              struct deadline d, struct err *err);
enum status dynamodb_users_put(struct records *r, const struct user *u,
                               size_t n, struct deadline d,
                               records_user_ended ended, void *ctx,
                               struct err *err);
enum status dynamodb_user_foreign(struct records *r, struct str user_id,
                                  struct deadline d, struct arena *a,
                                  struct str *out, struct err *err);
enum status dynamodb_user_remove(struct records *r, struct str user_id,
                                 struct deadline d, struct err *err);
enum status dynamodb_users(struct records *r, struct deadline d,
                           records_user_each each, void *ctx, struct err *err);
enum status dynamodb_trip(struct records *r, struct str trip_id,
                          struct deadline d, struct arena *a, struct trip *out,
                          struct err *err);
enum status dynamodb_trip_claim(struct records *r, const struct trip_claim *c,
                                struct deadline d, struct arena *a,
                                struct trip *out, struct err *err);
enum status dynamodb_trip_raise(struct records *r, const struct trip *t,
                                int64_t to_revision, struct deadline d,
                                struct err *err);
enum status dynamodb_trip_stored(struct records *r, struct str trip_id,
                                 int64_t revision, enum analysis_status as,
                                 struct str key, struct deadline d,
                                 struct err *err);
enum status dynamodb_trip_forward(struct records *r, struct str trip_id,
                                  int64_t revision, int64_t to_revision,
                                  struct str key, int64_t end_us,
                                  struct deadline d, struct err *err);
enum status dynamodb_trips_of(struct records *r, struct str user_id,
                              struct deadline d, records_trip_each each,
                              void *ctx, struct err *err);
enum status dynamodb_pending_count(struct records *r, struct deadline d,
                                   int64_t *out, struct err *err);
enum status dynamodb_walk(struct records *r, struct trip_walk *w,
                          struct deadline d, records_trip_seen each, void *ctx,
                          struct err *err);
enum status dynamodb_survey_look(struct records *r, enum survey_table table,
                                 struct deadline d, struct arena *a,
                                 struct survey_state *out, struct err *err);
enum status dynamodb_survey_walk(struct records *r, enum survey_table table,
                                 struct trip_walk *w, struct deadline d,
                                 survey_each each, void *ctx, struct err *err);
enum status dynamodb_batch_store(struct records *r, const struct batch *b,
                                 int64_t now_us, struct deadline d,
                                 struct batch_stored *out, struct err *err);
enum status dynamodb_batches(struct records *r, const struct trip *t,
                             struct deadline d, struct arena *a,
                             struct trip_batches *out, struct err *err);

#endif

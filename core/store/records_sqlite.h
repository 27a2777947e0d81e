/*
 * records_sqlite.h - what the files of the SQLite record store share.
 *
 * records_sqlite.c has the schema and the list of calls; the calls themselves
 * are in records_sqlite_{users,trips,batches,group,walk}.c, each as the
 * function of records.h of that name.
 */
#ifndef DG_STORE_RECORDS_SQLITE_H
#define DG_STORE_RECORDS_SQLITE_H

#include "store/records_impl.h"
#include "store/sqlite.h"

enum query {
#define QUERY(name, text) Q_##name,
#include "store/records_sqlite.def"
#undef QUERY
    QUERY_COUNT
};

struct sqlite {
    struct records base;
    struct sql *sql;
};

struct sql *sql_of(struct records *r);

enum status sqlite_user(struct records *r, struct str user_id,
                        struct deadline d, struct arena *a, struct user *out,
                        struct err *err);
enum status sqlite_user_by_email(struct records *r, struct str email,
                                 struct deadline d, struct arena *a,
                                 struct user *out, struct err *err);
enum status sqlite_ids_by_email(struct records *r, struct str email,
                                struct deadline d, struct arena *a,
                                struct email_ids *out, struct err *err);
enum status sqlite_user_put(struct records *r, const struct user *u,
                            struct deadline d, struct err *err);
enum status sqlite_users_put(struct records *r, const struct user *u, size_t n,
                             struct deadline d, records_user_ended ended,
                             void *ctx, struct err *err);
enum status sqlite_user_foreign(struct records *r, struct str user_id,
                                struct deadline d, struct arena *a,
                                struct str *out, struct err *err);
enum status sqlite_user_remove(struct records *r, struct str user_id,
                               struct deadline d, struct err *err);
enum status sqlite_users(struct records *r, struct deadline d,
                         records_user_each each, void *ctx, struct err *err);
enum status sqlite_trip(struct records *r, struct str trip_id,
                        struct deadline d, struct arena *a, struct trip *out,
                        struct err *err);
enum status sqlite_trip_claim(struct records *r, const struct trip_claim *c,
                              struct deadline d, struct arena *a,
                              struct trip *out, struct err *err);
enum status sqlite_trip_raise(struct records *r, const struct trip *t,
                              int64_t to_revision, struct deadline d,
                              struct err *err);
enum status sqlite_trip_stored(struct records *r, struct str trip_id,
                               int64_t revision, enum analysis_status as,
                               struct str key, struct deadline d,
                               struct err *err);
enum status sqlite_trip_forward(struct records *r, struct str trip_id,
                                int64_t revision, int64_t to_revision,
                                struct str key, int64_t end_us,
                                struct deadline d, struct err *err);
enum status sqlite_trips_of(struct records *r, struct str user_id,
                            struct deadline d, records_trip_each each,
                            void *ctx, struct err *err);
enum status sqlite_pending_count(struct records *r, struct deadline d,
                                 int64_t *out, struct err *err);
enum status sqlite_walk(struct records *r, struct trip_walk *w,
                        struct deadline d, records_trip_seen each, void *ctx,
                        struct err *err);
enum status sqlite_survey_look(struct records *r, enum survey_table table,
                               struct deadline d, struct arena *a,
                               struct survey_state *out, struct err *err);
enum status sqlite_survey_walk(struct records *r, enum survey_table table,
                               struct trip_walk *w, struct deadline d,
                               survey_each each, void *ctx, struct err *err);
enum status sqlite_batch_store(struct records *r, const struct batch *b,
                               int64_t now_us, struct deadline d,
                               struct batch_stored *out, struct err *err);
enum status sqlite_batches(struct records *r, const struct trip *t,
                           struct deadline d, struct arena *a,
                           struct trip_batches *out, struct err *err);

enum status sqlite_find_user(struct sql *sql, struct str user_id,
                             struct deadline d, struct arena *a,
                             struct user *out, struct err *err) MUST_CHECK;
/*
    As sqlite_user, also inside a transaction.
 */
enum status sqlite_own_trip(struct sql *sql, struct str trip_id,
                            struct str user_id, int64_t now_us,
                            struct deadline d, struct arena *a,
                            struct trip *out, bool *is_new,
                            struct err *err) MUST_CHECK;
/*
    Inside a transaction: the record of that user's trip, or a new one, not yet
    written. ST_NOT_OWNER when it is another user's.
 */
enum status sqlite_store_batch(struct sql *sql, const struct batch *b,
                               int64_t now_us, struct deadline d,
                               struct arena *a, struct batch_stored *out,
                               struct err *err) MUST_CHECK;
/*
    Inside a transaction: as records_batch_store. ST_NOT_OWNER and ST_TOO_LARGE
    come before anything is written.
 */
enum status sqlite_claim(struct sql *sql, const struct trip_claim *c,
                         struct deadline d, struct arena *a, struct trip *out,
                         struct err *err) MUST_CHECK;
/*
    Inside a transaction: as records_trip_claim. What it refuses, it refuses
    before anything is written.
 */
enum status sqlite_settle(struct sql *sql, struct str trip_id, int64_t at,
                          int64_t revision, enum analysis_status as,
                          struct str key, int64_t end_us, struct deadline d,
                          struct err *err) MUST_CHECK;
/*
    Inside a transaction: sets what came of the scoring, if the record is still
    at revision `at` (ST_PRECONDITION, nothing written). end_us, TIME_NONE for
    the others: of a forward, which takes what the object says.
 */
enum status sqlite_put_trip(struct sql *sql, const struct trip *t,
                            struct deadline d, struct err *err) MUST_CHECK;

#endif

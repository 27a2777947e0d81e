/*
 * sqlite.h - one connection to an SQLite file, for records_sqlite.c.
 *
 * What every caller of SQLite here needs, and nothing about what is stored:
 * opened at the first use, in the process that uses it; WAL and synchronous
 * FULL, so that what was committed survives a power cut; the schema made or
 * moved on under a lock; waiting for other writers until the call's deadline;
 * prepared statements kept; SQLite's codes as a status with what to do.
 *
 * After an error that is not about waiting, and when the file was moved or
 * removed, the next call opens anew.
 */
#ifndef DG_STORE_SQLITE_H
#define DG_STORE_SQLITE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/isotime.h"
#include "base/str.h"
#include "store/group_commit.h"

struct sql;

struct sql_plan {
    const char *const *queries; /* text of each, prepared when first used */
    int n_queries;
    const char *const *steps; /* step i takes the schema from i to i + 1 */
    int n_steps;
    const char *identity; /* a query for it; of sql_belong */
};

struct sql *sql_new(const char *path, const struct sql_plan *plan);
/*
    plan is static, path is copied. Nothing is opened yet.
 */
void sql_free(struct sql **db);

void sql_belong(struct sql *db, const _Atomic uint64_t *mark);
/*
    records_belong: looked at whenever the file is opened.
 */

void sql_share(struct sql *db, const struct group_place *place);
/*
    The file's writers on this host: from now on transactions take turns among
    them, and sql_group has a group.
 */

enum status sql_begin(struct sql *db, struct deadline d,
                      struct err *err) MUST_CHECK;
/*
    Opens if need be, and begins a transaction that may write. Until it ends
    no other process writes: keep it short.
 */
enum status sql_end(struct sql *db, enum status so_far,
                    struct err *err) MUST_CHECK;
/*
    Commits when so_far is ST_OK, else rolls back and returns so_far.
 */

enum status sql_group(struct sql *db, const struct str *part, size_t parts,
                      struct deadline d, group_write write, void *ctx,
                      unsigned char result[GROUP_RESULT_MAX],
                      struct err *err) MUST_CHECK;
/*
    As group_commit; `write` begins and ends its transactions here. Only for a
    file that is shared (sql_shared).
 */
bool sql_shared(const struct sql *db);

bool sql_log_is_long(const struct sql *db);
void sql_shorten_log(struct sql *db, struct deadline d);
/*
    The write-ahead log is folded back into the file: by no commit of ours as
    long as somebody calls this when the log is long, beside what others write.
    A failure only leaves it long; the next commit beyond LOG_PAGES_MOST does
    it then.
 */

/* A statement in use: bind in order, step, read columns, done. */
struct sql_query {
    struct sql *db;
    void *stmt;
    int bound;
};

enum status sql_query(struct sql *db, int query, struct deadline d,
                      struct sql_query *out, struct err *err) MUST_CHECK;
/*
    Also outside a transaction, for one statement alone; opens if need be.
    out may be passed to sql_done whatever the result.
 */
void sql_done(struct sql_query *q);

void sql_bind_str(struct sql_query *q, struct str v);
void sql_bind_key(struct sql_query *q, struct str v);
/*
    An empty one is stored as NULL and looked up as ''. The bytes must stay
    until sql_done.
 */
void sql_bind_z(struct sql_query *q, const char *v);
void sql_bind_int(struct sql_query *q, int64_t v);
void sql_bind_time(struct sql_query *q, int64_t us);
void sql_bind_double(struct sql_query *q, double v);
void sql_bind_null(struct sql_query *q);

enum status sql_step(struct sql_query *q, bool *row,
                     struct err *err) MUST_CHECK;
enum status sql_run(struct sql_query *q, struct err *err) MUST_CHECK;
/*
    A statement that gives no rows; calls sql_done.
 */
int sql_changed(const struct sql *db);
/*
    How many rows the last sql_run changed.
 */

bool sql_is_null(const struct sql_query *q, int column);
struct str sql_str(const struct sql_query *q, int column, struct arena *a);
int64_t sql_int(const struct sql_query *q, int column);
int64_t sql_time(const struct sql_query *q, int column);
double sql_double(const struct sql_query *q, int column);

#endif

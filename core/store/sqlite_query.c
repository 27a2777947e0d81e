/* sqlite_query.c - statements: bound, stepped, their columns read. */
#include "store/sqlite_impl.h"

#include <assert.h>

enum status sql_query(struct sql *db, int query, struct deadline d,
                      struct sql_query *out, struct err *err)
{
    enum status st;
    int rc = SQLITE_OK;

    *out = (struct sql_query){0};
    st = sql_use(db, d, err);
    if (st != ST_OK)
        return st;
    assert(query >= 0 && query < db->plan->n_queries);
    if (!db->stmts[query])
        rc = sqlite3_prepare_v3(db->handle, db->plan->queries[query], -1,
                                SQLITE_PREPARE_PERSISTENT, &db->stmts[query],
                                NULL);
    if (rc != SQLITE_OK)
        return sql_fail(db, rc, "prepare a statement", err);
    *out = (struct sql_query){db, db->stmts[query], 0};
    return ST_OK;
}

void sql_done(struct sql_query *q)
{
    if (!q->stmt)
        return;
    sqlite3_reset(q->stmt); /* gives the last step's error once more */
    sqlite3_clear_bindings(q->stmt);
    q->stmt = NULL;
}

enum status sql_step(struct sql_query *q, bool *row, struct err *err)
{
    int rc = sqlite3_step(q->stmt);

    *row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return ST_OK;
    return sql_fail(q->db, rc, "read or write", err);
}

enum status sql_run(struct sql_query *q, struct err *err)
{
    bool row;
    enum status st = sql_step(q, &row, err);

    assert(!row);
    sql_done(q);
    return st;
}

int sql_changed(const struct sql *db)
{
    return sqlite3_changes(db->handle);
}

/*
    Binding fails only for a wrong index or without memory.
 */
static void sqlite_must(int rc)
{
    assert(rc == SQLITE_OK);
}

void sql_bind_key(struct sql_query *q, struct str v)
{
    sqlite_must(sqlite3_bind_text64(q->stmt, ++q->bound, v.n ? v.p : "", v.n,
                                    SQLITE_STATIC, SQLITE_UTF8));
}

void sql_bind_str(struct sql_query *q, struct str v)
{
    if (v.n)
        sql_bind_key(q, v);
    else
        sql_bind_null(q);
}

void sql_bind_z(struct sql_query *q, const char *v)
{
    sql_bind_str(q, str_of(v));
}

void sql_bind_int(struct sql_query *q, int64_t v)
{
    sqlite_must(sqlite3_bind_int64(q->stmt, ++q->bound, v));
}

void sql_bind_time(struct sql_query *q, int64_t us)
{
    if (us == TIME_NONE)
        sql_bind_null(q);
    else
        sql_bind_int(q, us);
}

void sql_bind_double(struct sql_query *q, double v)
{
    sqlite_must(sqlite3_bind_double(q->stmt, ++q->bound, v));
}

void sql_bind_null(struct sql_query *q)
{
    sqlite_must(sqlite3_bind_null(q->stmt, ++q->bound));
}

bool sql_is_null(const struct sql_query *q, int column)
{
    return sqlite3_column_type(q->stmt, column) == SQLITE_NULL;
}

struct str sql_str(const struct sql_query *q, int column, struct arena *a)
{
    const void *p = sqlite3_column_blob(q->stmt, column);
    int n = sqlite3_column_bytes(q->stmt, column);

    return n > 0 ? arena_copy(a, (struct str){p, (size_t)n}) : STR_NONE;
}

int64_t sql_int(const struct sql_query *q, int column)
{
    return sqlite3_column_int64(q->stmt, column);
}

int64_t sql_time(const struct sql_query *q, int column)
{
    return sql_is_null(q, column) ? TIME_NONE : sql_int(q, column);
}

double sql_double(const struct sql_query *q, int column)
{
    return sqlite3_column_double(q->stmt, column);
}

/*
 * records_sqlite.c - users, trips and batches in one SQLite file.
 *
 * A conditional update is a transaction here: it reads the row, decides in C,
 * and writes the row back, while no other process writes (sql_begin). Lists
 * are read a page at a time, by key, and the statement is done before any
 * callback runs: callbacks call the store, and a read left open would keep
 * the write-ahead log from being folded back.
 */
#include "store/records_sqlite.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include "base/random.h"

/*
 * No foreign keys: a trip's batches outlive a removed user until erasure, an
 * unknown user may upload, and batches without a trip are read too. The deltas
 * come last, so that SQLite does not walk them to reach another column.
 */
static const char *const schema_steps[] = {
    "CREATE TABLE users ("
    " user_id TEXT PRIMARY KEY, email TEXT UNIQUE, name TEXT, role TEXT,"
    " zipcode TEXT, latitude REAL, longitude REAL, city TEXT, state TEXT,"
    " source TEXT, base_zipcode TEXT, anonymization_radius INTEGER,"
    " retention_months INTEGER, consent TEXT) STRICT, WITHOUT ROWID;"

    "CREATE TABLE trips ("
    " trip_id TEXT PRIMARY KEY, user_id TEXT NOT NULL, status TEXT NOT NULL,"
    " start_us INTEGER, end_us INTEGER, created_us INTEGER,"
    " updated_us INTEGER, finalized_us INTEGER,"
    " total_batches INTEGER NOT NULL, highest_batch INTEGER NOT NULL,"
    " revision INTEGER NOT NULL, analysis_status TEXT, analysis_key TEXT,"
    " trip_quality TEXT) STRICT, WITHOUT ROWID;"
    "CREATE INDEX trips_of_user ON trips (user_id, trip_id);"
    "CREATE INDEX trips_pending ON trips (user_id, trip_id)"
    " WHERE analysis_status = 'pending';"

    "CREATE TABLE batches ("
    " batch_id TEXT NOT NULL UNIQUE, trip_id TEXT NOT NULL,"
    " user_id TEXT NOT NULL, number INTEGER NOT NULL, batch_size INTEGER,"
    " first_us INTEGER, last_us INTEGER, uploaded_us INTEGER,"
    " original_count INTEGER NOT NULL, deltas_count INTEGER NOT NULL,"
    " metrics TEXT, statistics TEXT, issues TEXT, deltas TEXT) STRICT;"
    "CREATE INDEX batches_of_trip ON batches (trip_id, number, batch_id);",

    /* What is said of the whole file: its identity. */
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID;",

    "ALTER TABLE trips ADD COLUMN finalized_by TEXT;",
    /* Users of others' tables: what else they have (records_user_foreign), and
     * no UNIQUE, since two may have one e-mail. */
    "CREATE TABLE users_3 ("
    " user_id TEXT PRIMARY KEY, email TEXT, name TEXT, role TEXT,"
    " zipcode TEXT, latitude REAL, longitude REAL, city TEXT, state TEXT,"
    " source TEXT, base_zipcode TEXT, anonymization_radius INTEGER,"
    " retention_months INTEGER, consent TEXT, foreign_members TEXT)"
    " STRICT, WITHOUT ROWID;"
    "INSERT INTO users_3 SELECT *, NULL FROM users;"
    "DROP TABLE users;"
    "ALTER TABLE users_3 RENAME TO users;"
    "CREATE INDEX users_of_email ON users (email);",
    "ALTER TABLE trips ADD COLUMN claimed_batches INTEGER NOT NULL DEFAULT -1;",
    /* Of what is there already nothing is counted (doc/limits.md). */
    "ALTER TABLE trips ADD COLUMN stored_deltas INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE trips ADD COLUMN stored_bytes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE trips ADD COLUMN stored_batches INTEGER NOT NULL DEFAULT 0;",
};

static const char *const queries[QUERY_COUNT] = {
#define QUERY(name, text) [Q_##name] = text,
#include "store/records_sqlite.def"
#undef QUERY
};

static const struct sql_plan plan = {queries, QUERY_COUNT, schema_steps,
                                     sizeof schema_steps / sizeof *schema_steps,
                                     "SELECT 'sqlite:' || value FROM meta"
                                     " WHERE name = 'identity'"};

struct sql *sql_of(struct records *r)
{
    return ((struct sqlite *)r)->sql;
}

static enum status sqlite_check(struct records *r, struct deadline d,
                                struct err *err)
{
    struct sql *sql = sql_of(r);
    enum status st = sql_begin(sql, d, err);

    return st == ST_OK ? sql_end(sql, ST_OK, err) : st;
}

#define IDENTITY STR_LIT("identity")

static enum status keep_identity(struct sql *sql, struct deadline d,
                                 struct err *err)
{
    char hex[RANDOM_HEX + 1];
    struct sql_query q;
    enum status st = sql_query(sql, Q_META_KEEP, d, &q, err);

    if (st != ST_OK)
        return st;
    random_hex(hex);
    sql_bind_key(&q, IDENTITY);
    sql_bind_str(&q, str_of(hex));
    return sql_run(&q, err);
}

static enum status find_identity(struct sql *sql, struct deadline d,
                                 struct arena *a, struct str *out,
                                 struct err *err)
{
    struct sql_query q;
    bool row = false;
    enum status st = sql_query(sql, Q_META, d, &q, err);

    if (st == ST_OK) {
        sql_bind_key(&q, IDENTITY);
        st = sql_step(&q, &row, err);
    }
    *out = row ? arena_printf(a, "sqlite:%.*s", STR_ARG(sql_str(&q, 0, a)))
               : STR_NONE;
    sql_done(&q);
    return st;
}

static enum status sqlite_identity(struct records *r, struct deadline d,
                                   struct arena *a, struct str *out,
                                   struct err *err)
{
    struct sql *sql = sql_of(r);
    enum status st = find_identity(sql, d, a, out, err);

    if (st != ST_OK || out->n)
        return st;
    if ((st = sql_begin(sql, d, err)) != ST_OK)
        return st;
    st = sql_end(sql, keep_identity(sql, d, err), err);
    return st == ST_OK ? find_identity(sql, d, a, out, err) : st;
}

static void sqlite_close(struct records *r)
{
    struct sqlite *s = (struct sqlite *)r;

    sql_free(&s->sql);
    free(s);
}

static void sqlite_share(struct records *r, const struct group_place *place)
{
    sql_share(sql_of(r), place);
}

static void sqlite_belong(struct records *r, const _Atomic uint64_t *mark)
{
    sql_belong(sql_of(r), mark);
}

static bool sqlite_upkeep_due(const struct records *r)
{
    return sql_log_is_long(((const struct sqlite *)r)->sql);
}

static void sqlite_upkeep(struct records *r, struct deadline d)
{
    sql_shorten_log(sql_of(r), d);
}

static const struct records_ops ops = {
    .close = sqlite_close,
    .check = sqlite_check,
    .belong = sqlite_belong,
    .share = sqlite_share,
    .upkeep_due = sqlite_upkeep_due,
    .upkeep = sqlite_upkeep,
    .identity = sqlite_identity,
    .user = sqlite_user,
    .user_by_email = sqlite_user_by_email,
    .ids_by_email = sqlite_ids_by_email,
    .user_put = sqlite_user_put,
    .users_put = sqlite_users_put,
    .user_foreign = sqlite_user_foreign,
    .user_remove = sqlite_user_remove,
    .users = sqlite_users,
    .batch_store = sqlite_batch_store,
    .batches = sqlite_batches,
    .trip = sqlite_trip,
    .trip_claim = sqlite_trip_claim,
    .trip_raise = sqlite_trip_raise,
    .trip_stored = sqlite_trip_stored,
    .trips_of = sqlite_trips_of,
    .pending_count = sqlite_pending_count,
    .walk = sqlite_walk,
    .trip_forward = sqlite_trip_forward,
    .survey_look = sqlite_survey_look,
    .survey_walk = sqlite_survey_walk,
};

enum status records_sqlite_open(struct str file, struct records **out,
                                struct err *err)
{
    char path[PATH_MAX];
    struct sqlite *s;

    if (file.n < 2 || file.n >= sizeof path || file.p[0] != '/' ||
        file.p[file.n - 1] == '/')
        return err_set(err, ST_BAD_REQUEST, NULL,
                       "records.url: sqlite:// wants an absolute file name, "
                       "as in sqlite:///var/lib/driveguard/records.db");
    memcpy(path, file.p, file.n);
    path[file.n] = '\0';
    s = calloc(1, sizeof *s);
    assert(s && "out of memory");
    s->base.ops = &ops;
    s->sql = sql_new(path, &plan);
    *out = &s->base;
    return ST_OK;
}

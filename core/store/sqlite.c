#include "store/sqlite.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "store/folder.h"

/* The write-ahead log, in pages of 4 KB: from the first on it is shortened when
 * somebody has the time; at the second, the writer who finds it so does it, and
 * all others wait. */
#define LOG_PAGES_LONG 1000
#define LOG_PAGES_MOST 16000

/* "dgrd": marks the file as ours, so that another program's is not touched. */
#define APPLICATION_ID 0x64677264

struct sql {
    char path[PATH_MAX];
    const struct sql_plan *plan;
    sqlite3 *handle;
    sqlite3_stmt **stmts;     /* one a query, NULL until used */
    pid_t pid;                /* that opened it */
    bool broken;              /* to be opened anew */
    struct deadline deadline; /* of the call that runs now */
    struct group_place place; /* among the file's writers on this host */
    bool leads;               /* it is its turn, and it writes for others */
    int log_pages;            /* after the last commit */
};

struct sql *sql_new(const char *path, const struct sql_plan *plan)
{
    struct sql *db = calloc(1, sizeof *db);

    assert(db && "out of memory");
    assert(strlen(path) < sizeof db->path);
    strcpy(db->path, path);
    db->plan = plan;
    db->stmts = calloc((size_t)plan->n_queries, sizeof *db->stmts);
    assert(db->stmts && "out of memory");
    return db;
}

static void close_handle(struct sql *db)
{
    int rc;

    for (int i = 0; i < db->plan->n_queries; i++) {
        sqlite3_finalize(db->stmts[i]);
        db->stmts[i] = NULL;
    }
    rc = sqlite3_close(db->handle);
    assert(rc == SQLITE_OK); /* else a statement is not in the table */
    db->handle = NULL;
    db->broken = false;
}

void sql_free(struct sql **db)
{
    if (!*db)
        return;
    close_handle(*db);
    free((*db)->stmts);
    free(*db);
    *db = NULL;
}

/* ---- errors ---- */

struct verdict {
    enum status st;
    const char *hint;
};

static struct verdict verdict_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return (struct verdict){ST_TIMEOUT,
                                ": other processes were writing all the time"};
    case SQLITE_FULL:
        return (struct verdict){ST_UNAVAILABLE,
                                ": free some space or use a larger disk"};
    case SQLITE_READONLY:
        return (struct verdict){
            ST_UNAVAILABLE,
            ": make the file, its folder and file system writable"};
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
        return (struct verdict){ST_UNAVAILABLE,
                                ": look at the folder and its disk"};
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return (struct verdict){
            ST_DENIED, ": it must belong to the user the service runs as"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return (struct verdict){ST_CORRUPT,
                                ": restore it from a backup or move it away"};
    default:
        return (struct verdict){ST_INTERNAL, ""};
    }
}

static enum status fail(struct sql *db, int code, const char *doing,
                        struct err *err)
{
    const struct verdict v = verdict_of(code);
    int cause = db->handle ? sqlite3_system_errno(db->handle) : 0;

    /* After anything but waiting in vain, start from a clean connection. */
    if (v.st != ST_TIMEOUT)
        db->broken = true;
    return err_set(err, v.st, NULL, "%s: cannot %s: %s%s%s%s", db->path, doing,
                   db->handle ? sqlite3_errmsg(db->handle)
                              : sqlite3_errstr(code),
                   cause ? ", " : "", cause ? strerror(cause) : "", v.hint);
}

/* ---- opening ---- */

/*
    SQLite's own schedule lets late comers starve when many write at once;
    short random pauses share the lock about evenly.
 */
static int on_busy(void *ctx, int tries)
{
    const struct sql *db = ctx;

    if (deadline_over(db->deadline))
        return 0;
    clock_sleep_ms(1 + random_below(tries < 4 ? 2u << tries : 16));
    return 1;
}

static enum status exec(struct sql *db, const char *text, const char *doing,
                        struct err *err)
{
    int rc = sqlite3_exec(db->handle, text, NULL, NULL, NULL);

    return rc == SQLITE_OK ? ST_OK : fail(db, rc, doing, err);
}

/*
    The first column of the first row; for pragmas and counts.
 */
static enum status ask(struct sql *db, const char *text, char out[32],
                       struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v2(db->handle, text, -1, &stmt, NULL);
    const unsigned char *z;

    out[0] = '\0';
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && (z = sqlite3_column_text(stmt, 0)))
        snprintf(out, 32, "%s", (const char *)z);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? ST_OK : fail(db, rc, "open it", err);
}

static enum status ask_int(struct sql *db, const char *text, int64_t *out,
                           struct err *err)
{
    char z[32];
    enum status st = ask(db, text, z, err);

    *out = 0;
    if (st == ST_OK && !str_to_i64(str_of(z), out))
        st = err_set(err, ST_CORRUPT, NULL, "%s: %s gives \"%s\"", db->path,
                     text, z);
    return st;
}

static enum status move_schema(struct sql *db, int64_t from, struct err *err)
{
    enum status st = exec(db, "BEGIN IMMEDIATE", "make the schema", err);
    char mark[80];

    for (int64_t i = from; st == ST_OK && i < db->plan->n_steps; i++)
        st = exec(db, db->plan->steps[i], "make the schema", err);
    snprintf(mark, sizeof mark,
             "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
             APPLICATION_ID, db->plan->n_steps);
    return st == ST_OK ? exec(db, mark, "make the schema", err) : st;
}

static enum status check_schema(struct sql *db, struct err *err)
{
    int64_t version, mark, tables;
    enum status st = ask_int(db, "PRAGMA user_version", &version, err);

    if (st == ST_OK)
        st = ask_int(db, "PRAGMA application_id", &mark, err);
    if (st == ST_OK)
        st = ask_int(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (st != ST_OK)
        return st;
    if (mark != APPLICATION_ID && (mark || version || tables))
        return err_set(err, ST_CORRUPT, NULL,
                       "%s is a database of another program", db->path);
    if (version > db->plan->n_steps)
        return err_set(err, ST_CORRUPT, NULL,
                       "%s was written by a later version of this program "
                       "(schema %lld, known here: %d)",
                       db->path, (long long)version, db->plan->n_steps);
    return version < db->plan->n_steps ? move_schema(db, version, err) : ST_OK;
}

static enum status use_wal(struct sql *db, struct err *err)
{
    char mode[32];
    enum status st = ask(db, "PRAGMA journal_mode = WAL", mode, err);

    if (st == ST_OK && strcmp(mode, "wal"))
        return err_set(err, ST_UNAVAILABLE, NULL,
                       "%s: no write-ahead log here (mode %s): use a local "
                       "file system",
                       db->path, mode);
    return st;
}

static int note_log(void *ctx, sqlite3 *handle, const char *name, int pages)
{
    struct sql *db = ctx;

    (void)handle, (void)name;
    db->log_pages = pages;
    /* In here it is done by whoever commits, while others wait. */
    if (pages >= (db->place.group ? LOG_PAGES_MOST : LOG_PAGES_LONG))
        (void)sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_PASSIVE,
                                        NULL, NULL);
    return SQLITE_OK;
}

static enum status connect_handle(struct sql *db, struct err *err)
{
    const int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(db->path, &db->handle, flags, NULL);
    enum status st;

    if (rc != SQLITE_OK)
        return fail(db, rc, "open it", err);
    sqlite3_busy_handler(db->handle, on_busy, db);
    sqlite3_wal_hook(db->handle, note_log, db);
    /* SQLite opens what it may not write for reading only, silently. */
    if (sqlite3_db_readonly(db->handle, "main"))
        return fail(db, SQLITE_READONLY, "write to it", err);
    st = use_wal(db, err);
    if (st == ST_OK)
        st = exec(db,
                  "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;"
                  "PRAGMA journal_size_limit = 16777216",
                  "open it", err);
    return st == ST_OK ? check_schema(db, err) : st;
}

/*
    Before SQLite does, which would let everybody read it. Not when it is
    there: closing any fd of a file drops SQLite's own locks on it.
 */
static enum status create_file(const struct sql *db, struct err *err)
{
    int fd = open(db->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

    if (fd < 0 && errno != EEXIST)
        return file_errno(err, "create", db->path);
    if (fd >= 0)
        close(fd);
    return ST_OK;
}

/*
    Two processes that make the same schema, or switch to WAL, at the same
    moment refuse each other without waiting; hence one at a time. The lock is
    on the folder: a lock file would stay behind, and locking the database file
    itself would meddle with SQLite's locks.
 */
static enum status lock_folder(const struct sql *db, int *fd, struct err *err)
{
    char folder[PATH_MAX];
    char *slash;
    enum status st;

    strcpy(folder, db->path);
    slash = strrchr(folder, '/');
    slash[slash == folder] = '\0';
    st = folder_open(folder, fd, err);
    while (st == ST_OK) {
        bool locked;

        st = file_lock_try(*fd, &locked, err);
        if (st == ST_OK && locked)
            return ST_OK;
        if (st == ST_OK && deadline_over(db->deadline))
            st = err_set(err, ST_TIMEOUT, NULL,
                         "%s: others are opening it all the time", db->path);
        if (st == ST_OK)
            clock_sleep_ms(1 + random_below(8));
    }
    return st;
}

static enum status open_handle(struct sql *db, struct err *err)
{
    int folder = -1;
    enum status st = lock_folder(db, &folder, err);

    if (st == ST_OK)
        st = create_file(db, err);
    if (st == ST_OK)
        st = connect_handle(db, err);
    if (st != ST_OK)
        close_handle(db);
    if (folder >= 0)
        close(folder);
    db->pid = getpid();
    return st;
}

static bool was_moved(struct sql *db)
{
    int moved = 0;

    sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved != 0;
}

static enum status use(struct sql *db, struct deadline d, struct err *err)
{
    db->deadline = d;
    if (deadline_over(d))
        return err_set(err, ST_TIMEOUT, NULL, "%s: no time left", db->path);
    if (!db->handle)
        return open_handle(db, err);
    assert(db->pid == getpid()); /* carried over a fork it corrupts the file */
    if (!sqlite3_get_autocommit(db->handle))
        return ST_OK;
    /* A file that was removed or replaced would swallow all writes. */
    if (!db->broken && !was_moved(db))
        return ST_OK;
    close_handle(db);
    return open_handle(db, err);
}

/* ---- transactions ---- */

void sql_share(struct sql *db, const struct group_place *place)
{
    db->place = *place;
}

bool sql_shared(const struct sql *db)
{
    return db->place.group != NULL;
}

static enum status take_turn(struct sql *db, struct deadline d, struct err *err)
{
    return db->leads ? ST_OK : group_turn(&db->place, d, err);
}

static void end_turn(struct sql *db)
{
    if (!db->leads)
        group_turn_over(&db->place);
}

enum status sql_begin(struct sql *db, struct deadline d, struct err *err)
{
    enum status st = take_turn(db, d, err);

    if (st != ST_OK)
        return st;
    if ((st = use(db, d, err)) == ST_OK)
        st = exec(db, "BEGIN IMMEDIATE", "write", err);
    if (st != ST_OK)
        end_turn(db);
    return st;
}

enum status sql_end(struct sql *db, enum status so_far, struct err *err)
{
    enum status st = so_far;

    if (st == ST_OK)
        st = exec(db, "COMMIT", "write", err);
    /* A failed COMMIT may leave the transaction open; some errors have ended
     * it already. */
    if (st != ST_OK && !sqlite3_get_autocommit(db->handle) &&
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL))
        close_handle(db);
    end_turn(db);
    return st;
}

struct leading {
    struct sql *db;
    group_write write;
    void *ctx;
};

static void lead(void *ctx, struct group_row *row, size_t n)
{
    struct leading *l = ctx;

    assert(!l->db->leads);
    l->db->leads = true;
    l->write(l->ctx, row, n);
    l->db->leads = false;
}

enum status sql_group(struct sql *db, const struct str *part, size_t parts,
                      struct deadline d, group_write write, void *ctx,
                      unsigned char result[GROUP_RESULT_MAX], struct err *err)
{
    struct leading l = {db, write, ctx};

    assert(sql_shared(db));
    return group_commit(&db->place, part, parts, d, lead, &l, result, err);
}

/* ---- the write-ahead log ---- */

bool sql_log_is_long(const struct sql *db)
{
    return db->handle && db->log_pages >= LOG_PAGES_LONG;
}

static void fold_back(struct sql *db)
{
    /* Busy: another process is at it. A failure is the next writer's. */
    (void)sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                    NULL, NULL);
}

void sql_shorten_log(struct sql *db, struct deadline d)
{
    struct err none = ERR_NONE;

    if (use(db, d, &none) != ST_OK)
        return;
    db->log_pages = 0;
    fold_back(db);
    /* What was written meanwhile is little; with that, and nobody writing, the
     * next writer begins the log anew. Else it would grow for ever. */
    if (take_turn(db, d, &none) != ST_OK)
        return;
    fold_back(db);
    end_turn(db);
}

/* ---- statements ---- */

enum status sql_query(struct sql *db, int query, struct deadline d,
                      struct sql_query *out, struct err *err)
{
    enum status st;
    int rc = SQLITE_OK;

    *out = (struct sql_query){0};
    st = use(db, d, err);
    if (st != ST_OK)
        return st;
    assert(query >= 0 && query < db->plan->n_queries);
    if (!db->stmts[query])
        rc = sqlite3_prepare_v3(db->handle, db->plan->queries[query], -1,
                                SQLITE_PREPARE_PERSISTENT, &db->stmts[query],
                                NULL);
    if (rc != SQLITE_OK)
        return fail(db, rc, "prepare a statement", err);
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
    return fail(q->db, rc, "read or write", err);
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
static void must(int rc)
{
    assert(rc == SQLITE_OK);
}

void sql_bind_key(struct sql_query *q, struct str v)
{
    must(sqlite3_bind_text64(q->stmt, ++q->bound, v.n ? v.p : "", v.n,
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
    must(sqlite3_bind_int64(q->stmt, ++q->bound, v));
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
    must(sqlite3_bind_double(q->stmt, ++q->bound, v));
}

void sql_bind_null(struct sql_query *q)
{
    must(sqlite3_bind_null(q->stmt, ++q->bound));
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

#include "store/sqlite_impl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "store/folder.h"
#include "store/objects.h"

/* "dgrd": marks the file as ours, so that another program's is not touched. */
#define APPLICATION_ID 0x64677264

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

void sql_close_handle(struct sql *db)
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

void sql_belong(struct sql *db, const _Atomic uint64_t *mark)
{
    db->mark = mark;
}

void sql_free(struct sql **db)
{
    if (!*db)
        return;
    sql_close_handle(*db);
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

enum status sql_fail(struct sql *db, int code, const char *doing,
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

enum status sql_exec(struct sql *db, const char *text, const char *doing,
                     struct err *err)
{
    int rc = sqlite3_exec(db->handle, text, NULL, NULL, NULL);

    return rc == SQLITE_OK ? ST_OK : sql_fail(db, rc, doing, err);
}

/*
    The first column of the first row; for pragmas and counts.
 */
static enum status pragma_ask(struct sql *db, const char *text, char out[32],
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
    return rc == SQLITE_ROW ? ST_OK : sql_fail(db, rc, "open it", err);
}

static enum status ask_int(struct sql *db, const char *text, int64_t *out,
                           struct err *err)
{
    char z[32];
    enum status st = pragma_ask(db, text, z, err);

    *out = 0;
    if (st == ST_OK && !str_to_i64(str_of(z), out))
        st = err_set(err, ST_CORRUPT, NULL, "%s: %s gives \"%s\"", db->path,
                     text, z);
    return st;
}

static enum status move_schema(struct sql *db, int64_t from, struct err *err)
{
    enum status st = sql_exec(db, "BEGIN IMMEDIATE", "make the schema", err);
    char mark[80];

    for (int64_t i = from; st == ST_OK && i < db->plan->n_steps; i++)
        st = sql_exec(db, db->plan->steps[i], "make the schema", err);
    snprintf(mark, sizeof mark,
             "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
             APPLICATION_ID, db->plan->n_steps);
    return st == ST_OK ? sql_exec(db, mark, "make the schema", err) : st;
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
    enum status st = pragma_ask(db, "PRAGMA journal_mode = WAL", mode, err);

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
        return sql_fail(db, rc, "open it", err);
    sqlite3_busy_handler(db->handle, on_busy, db);
    sqlite3_wal_hook(db->handle, note_log, db);
    /* SQLite opens what it may not write for reading only, silently. */
    if (sqlite3_db_readonly(db->handle, "main"))
        return sql_fail(db, SQLITE_READONLY, "write to it", err);
    st = use_wal(db, err);
    if (st == ST_OK)
        st = sql_exec(db,
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

static enum status own_other(const struct sql *db, struct err *err)
{
    return err_set(err, ST_UNAVAILABLE, "records_other",
                   "%s is not the file that it was: it has other records; "
                   "bring the right one back",
                   db->path);
}

/* Before SQLite looks: it would make a schema in an empty file, and take the
 * log beside it, which is the right one's, for that of this file. */
static enum status own_there(const struct sql *db, struct err *err)
{
    struct stat sb;

    if (stat(db->path, &sb) == 0)
        return sb.st_size ? ST_OK : own_other(db, err);
    if (errno != ENOENT)
        return file_errno(err, "look for", db->path);
    return err_set(err, ST_UNAVAILABLE, "records_gone",
                   "%s is not there any more: is its file system mounted?",
                   db->path);
}

static enum status own_compare(struct sql *db, uint64_t mark, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc =
        sqlite3_prepare_v2(db->handle, db->plan->identity, -1, &stmt, NULL);
    const char *id = NULL;
    bool same;

    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        id = (const char *)sqlite3_column_text(stmt, 0);
    same = id && objects_mark(str_of(id)) == mark;
    sqlite3_finalize(stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return sql_fail(db, rc, "read its identity", err);
    return same ? ST_OK : own_other(db, err);
}

static enum status open_handle(struct sql *db, struct err *err)
{
    uint64_t mark = db->mark ? atomic_load(db->mark) : 0;
    int folder = -1;
    enum status st = mark ? own_there(db, err) : ST_OK;

    if (st == ST_OK)
        st = lock_folder(db, &folder, err);
    if (st == ST_OK && !mark)
        st = create_file(db, err);
    if (st == ST_OK)
        st = connect_handle(db, err);
    if (st == ST_OK && mark)
        st = own_compare(db, mark, err);
    if (st != ST_OK)
        sql_close_handle(db);
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

enum status sql_use(struct sql *db, struct deadline d, struct err *err)
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
    sql_close_handle(db);
    return open_handle(db, err);
}

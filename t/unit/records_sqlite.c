/* What is the SQLite store's own: files of every kind of unusable, waiting. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "base/fault.h"
#include "store/records.h"
#include "t/unit/procs.h"
#include "t/unit/syncs.h"
#include "t/unit/tap.h"

#define USER STR_LIT("u")

static struct conf conf;
static struct arena *arena;
static struct err err;
static const char *folder;

static struct deadline soon(void)
{
    return deadline_in(20000);
}

static const char *file(const char *name)
{
    return arena_printf(arena, "%s/%s", folder, name).p;
}

static struct records *open_at(const char *name)
{
    struct records *r;

    conf.records_url = arena_printf(arena, "sqlite://%s", file(name)).p;
    if (records_open(&conf, &r, &err) != ST_OK)
        abort();
    return r;
}

static enum status put_user(struct records *r, const char *name)
{
    struct user u = {.user_id = USER, .name = str_of(name)};

    return records_user_put(r, &u, soon(), &err);
}

static bool user_is(struct records *r, const char *name)
{
    struct user u;

    return records_user(r, USER, soon(), arena, &u, &err) == ST_OK &&
           str_is(u.name, name);
}

static void write_file(const char *name, const char *text, size_t n)
{
    FILE *f = fopen(file(name), "r+");

    if (!f)
        f = fopen(file(name), "w");
    if (!f || fwrite(text, 1, n, f) != n || fclose(f))
        abort();
}

/* As another program would. */
static sqlite3 *run_sql(const char *name, const char *text)
{
    sqlite3 *db;

    if (sqlite3_open(file(name), &db) ||
        sqlite3_exec(db, text, NULL, NULL, NULL))
        abort();
    return db;
}

/* ---- files ---- */

static void new_file(void)
{
    struct records *r = open_at("new.db");
    struct stat sb;

    CHECK(stat(file("new.db"), &sb) != 0); /* opened at the first use */
    CHECK(put_user(r, "a") == ST_OK && user_is(r, "a"));
    CHECK(stat(file("new.db"), &sb) == 0 && (sb.st_mode & 0007) == 0);
    CHECK(stat(file("new.db-wal"), &sb) == 0 && (sb.st_mode & 0007) == 0);
    records_close(&r);
    r = open_at("new.db");
    CHECK(user_is(r, "a") && put_user(r, "b") == ST_OK && user_is(r, "b"));
    records_close(&r);
}

static void no_database(void)
{
    static const char text[] = "this is a text, and no database at all; long "
                               "enough to be read as a header by SQLite, which "
                               "wants a hundred bytes for it";
    struct records *r = open_at("text.db");
    char back[sizeof text] = "";
    int fd;

    write_file("text.db", text, sizeof text);
    CHECK(records_check(r, soon(), &err) == ST_CORRUPT);
    CHECK(strstr(err.text, "text.db") && strstr(err.text, "backup"));
    CHECK(put_user(r, "a") == ST_CORRUPT);
    fd = open(file("text.db"), O_RDONLY | O_CLOEXEC);
    CHECK(read(fd, back, sizeof back) == sizeof text && !strcmp(back, text));
    close(fd);
    records_close(&r);
}

static void damaged(void)
{
    char junk[8192];
    struct records *r = open_at("damaged.db");

    CHECK(put_user(r, "a") == ST_OK);
    records_close(&r);
    memset(junk, 0x5a, sizeof junk);
    memcpy(junk, "SQLite format 3", 16);
    write_file("damaged.db", junk, sizeof junk);
    r = open_at("damaged.db");
    CHECK(put_user(r, "a") == ST_CORRUPT);
    records_close(&r);
}

static void of_others(void)
{
    struct records *r;

    sqlite3_close(run_sql("other.db", "CREATE TABLE t (x)"));
    r = open_at("other.db");
    CHECK(records_check(r, soon(), &err) == ST_CORRUPT &&
          strstr(err.text, "another program"));
    records_close(&r);

    r = open_at("later.db");
    CHECK(records_check(r, soon(), &err) == ST_OK);
    records_close(&r);
    sqlite3_close(run_sql("later.db", "PRAGMA user_version = 99"));
    r = open_at("later.db");
    CHECK(records_check(r, soon(), &err) == ST_CORRUPT &&
          strstr(err.text, "later version"));
    records_close(&r);
}

/* A file as schema 2 left it: its users stay, and two may have one e-mail. */
static void from_schema_2(void)
{
    struct records *r = open_at("two.db");
    struct user u = {
        .user_id = STR_LIT("v"), .email = STR_LIT("u@b"), .shares_email = true};
    struct email_ids ids;

    sqlite3_close(run_sql(
        "two.db",
        "PRAGMA application_id = 1684501092; PRAGMA user_version = 2;"
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)"
        " STRICT, WITHOUT ROWID;"
        "CREATE TABLE trips (trip_id TEXT PRIMARY KEY, user_id TEXT NOT NULL)"
        " STRICT, WITHOUT ROWID;"
        "CREATE TABLE users ("
        " user_id TEXT PRIMARY KEY, email TEXT UNIQUE, name TEXT, role TEXT,"
        " zipcode TEXT, latitude REAL, longitude REAL, city TEXT, state TEXT,"
        " source TEXT, base_zipcode TEXT, anonymization_radius INTEGER,"
        " retention_months INTEGER, consent TEXT) STRICT, WITHOUT ROWID;"
        "INSERT INTO users (user_id, email, name) VALUES ('u', 'u@b', 'a');"
        "INSERT INTO trips VALUES ('t', 'v')"));
    CHECK(user_is(r, "a"));
    CHECK(records_user_put(r, &u, soon(), &err) == ST_OK);
    CHECK(records_ids_by_email(r, u.email, soon(), arena, &ids, &err) ==
              ST_OK &&
          ids.n == 2 && str_is(ids.id[0], "u") && str_is(ids.id[1], "v"));
    CHECK(user_is(r, "a"));
    records_close(&r);
}

static void removed_while_open(void)
{
    struct records *r = open_at("gone.db");

    CHECK(put_user(r, "a") == ST_OK);
    unlink(file("gone.db"));
    unlink(file("gone.db-wal"));
    unlink(file("gone.db-shm"));
    /* Not into the file that has no name any more: */
    CHECK(put_user(r, "b") == ST_OK);
    CHECK(access(file("gone.db"), F_OK) == 0);
    records_close(&r);
    r = open_at("gone.db");
    CHECK(user_is(r, "b"));
    records_close(&r);
}

static void no_folder(void)
{
    struct records *r;

    write_file("plain", "x", 1);
    r = open_at("plain/records.db");
    CHECK(records_check(r, soon(), &err) == ST_UNAVAILABLE &&
          strstr(err.text, "plain"));
    records_close(&r);
}

/* ---- writing that fails ---- */

static int write_without_space(int i, void *ctx)
{
    struct records *r = open_at("full.db");
    struct rlimit limit = {300000, RLIM_INFINITY};
    struct batch b = {.batch_id = STR_LIT("b"),
                      .trip_id = STR_LIT("t"),
                      .user_id = USER,
                      .number = 1,
                      .deltas_count = 1};
    char *text = arena_alloc(arena, 380000);
    struct batch_stored out;
    enum status st;

    (void)i, (void)ctx;
    memset(text, 'x', 380000);
    b.deltas = (struct str){text, 380000};
    signal(SIGXFSZ, SIG_IGN);
    if (put_user(r, "a") != ST_OK || setrlimit(RLIMIT_FSIZE, &limit))
        return 100;
    st = records_batch_store(r, &b, 0, soon(), &out, &err);
    if (st != ST_UNAVAILABLE || !strstr(err.text, "full.db"))
        return 101;
    if (!user_is(r, "a") || put_user(r, "small") != ST_OK)
        return 102; /* what fits goes on */
    limit.rlim_cur = RLIM_INFINITY;
    if (setrlimit(RLIMIT_FSIZE, &limit))
        return 103;
    st = records_batch_store(r, &b, 0, soon(), &out, &err);
    records_close(&r);
    return (int)st;
}

static void no_space(void)
{
    int code;

    procs_run(1, write_without_space, NULL, &code);
    CHECK(code == ST_OK);
}

/* As somebody who may read but not write; root may always. */
static int write_as_reader(int i, void *ctx)
{
    struct records *r = open_at("reader.db");
    enum status st;

    (void)i, (void)ctx;
    if (getuid() == 0 && setuid(65534))
        return 100;
    st = put_user(r, "b");
    records_close(&r);
    if (strstr(err.text, "writable") == NULL)
        return 101;
    return (int)st;
}

static void read_only(void)
{
    struct records *r = open_at("reader.db");
    int code;

    CHECK(put_user(r, "a") == ST_OK);
    records_close(&r);
    if (chmod(folder, 0755) || chmod(file("reader.db"), 0444))
        abort();
    procs_run(1, write_as_reader, NULL, &code);
    CHECK(code == ST_UNAVAILABLE);
}

/* ---- waiting ---- */

static void wait_for_file(const char *name)
{
    struct deadline limit = soon();

    while (access(file(name), F_OK) && !deadline_over(limit))
        clock_sleep_ms(2);
}

static int hold_the_lock(void)
{
    sqlite3 *db = run_sql("wait.db", "BEGIN IMMEDIATE");

    write_file("held", "", 0);
    wait_for_file("seen");
    clock_sleep_ms(100); /* for the patient one to wait, too */
    sqlite3_close(db);
    return 0;
}

static int write_impatiently(struct records *r)
{
    struct user u = {.user_id = USER, .name = STR_LIT("b")};
    enum status st = records_user_put(r, &u, deadline_in(100), &err);
    bool read = user_is(r, "a"); /* a reader does not wait */

    write_file("seen", "", 0);
    return st == ST_TIMEOUT && read ? 0 : 1;
}

static int lock_meets(int i, void *ctx)
{
    struct records *r;
    int code;

    (void)ctx;
    if (i == 0)
        return hold_the_lock();
    wait_for_file("held");
    r = open_at("wait.db");
    code = i == 1 ? write_impatiently(r) : put_user(r, "c") != ST_OK;
    records_close(&r);
    return code;
}

static void waiting(void)
{
    struct records *r = open_at("wait.db");
    int codes[3];

    CHECK(put_user(r, "a") == ST_OK);
    records_close(&r);
    procs_run(3, lock_meets, NULL, codes);
    CHECK(codes[0] == 0);
    CHECK(codes[1] == 0);
    CHECK(codes[2] == 0);
    r = open_at("wait.db");
    CHECK(user_is(r, "c"));
    records_close(&r);
}

static int make_file(int i, void *ctx)
{
    struct records *r = open_at("rush.db");
    enum status st;

    (void)i, (void)ctx;
    st = records_check(r, soon(), &err);
    records_close(&r);
    return (int)st;
}

static void made_by_many(void)
{
    int codes[32];

    procs_run(32, make_file, NULL, codes);
    CHECK(procs_count(32, codes, ST_OK) == 32);
}

/* A write that was answered outlives its process, an unfinished one does not
 * disturb. */
static int write_and_die(int i, void *ctx)
{
    struct records *r = open_at("crash.db");

    (void)i, (void)ctx;
    if (put_user(r, "durable") == ST_OK)
        raise(SIGKILL);
    return 1;
}

/* A killed process leaves its writes to the kernel; a power cut does not. */
static void durable(void)
{
    struct records *r = open_at("durable.db");

    CHECK(put_user(r, "first") == ST_OK);
    syncs.n = 0;
    CHECK(put_user(r, "second") == ST_OK);
    CHECK(synced(file("durable.db-wal")));
    records_close(&r);
}

static void after_a_crash(void)
{
    struct records *r;
    int codes[8];

    procs_run(8, write_and_die, NULL, codes);
    CHECK(procs_count(8, codes, -1) == 8);
    r = open_at("crash.db");
    CHECK(user_is(r, "durable") && put_user(r, "next") == ST_OK);
    records_close(&r);
}

int main(void)
{
    folder = temp_folder();
    arena = arena_new(0);
    new_file();
    no_database();
    damaged();
    of_others();
    from_schema_2();
    removed_while_open();
    no_folder();
    no_space();
    read_only();
    waiting();
    made_by_many();
    durable();
    after_a_crash();
    arena_free(&arena);
    temp_remove(folder);
    return tap_end();
}

/* What is the directory store's own: files that people touch, locks, crashes.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <utime.h>
#include "base/fault.h"
#include "store/folder.h"
#include "store/objects.h"
#include "t/unit/procs.h"
#include "t/unit/syncs.h"
#include "t/unit/tap.h"

#define KEY STR_LIT("users/u/trips/t_5.json.gz")
#define KEY2 STR_LIT("users/u/trips/t2_5.json.gz")
#define PACK STR_LIT("users/u/packs/1.json.gz")
#define TRIPS STR_LIT("users/u/trips/")
#define MD5_OLD "149603e6c03516362a8da23f624db945" /* of "old" */
#define MD5_NEW "22af645d1859cb5ca6da0c484f1f37ea" /* of "new" */

static struct conf conf;
static struct objects *store;
static struct arena *arena;
static struct err err;
static char root[300];

static struct deadline soon(void)
{
    return deadline_in(20000);
}

static char *path_of(const char *name)
{
    static char path[400];

    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static enum status put(struct str key, const char *body,
                       enum object_condition cond, const char *match)
{
    struct etag etag = {""}, out;

    snprintf(etag.z, sizeof etag.z, "%s", match);
    return objects_put(store, key, str_of(body), NULL, cond, &etag, soon(),
                       &out, &err);
}

static bool holds(struct str key, const char *body, const char *etag)
{
    struct object o;

    return objects_get(store, key, NULL, 99, soon(), arena, &o, &err) ==
               ST_OK &&
           str_is(o.body, body) && !strcmp(o.etag.z, etag);
}

static enum status last_etag(void *ctx, const struct object_entry *e)
{
    *(struct etag *)ctx = e->etag;
    return ST_OK;
}

static bool listed_etag(const char *etag)
{
    struct etag got = {""};
    int pages;

    return objects_list(store, TRIPS, soon(), last_etag, &got, &pages, &err) ==
               ST_OK &&
           !strcmp(got.z, etag);
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(path_of(name), "r+");

    if (!f)
        f = fopen(path_of(name), "w");
    if (!f || fputs(text, f) < 0 || fclose(f))
        abort();
}

static void set_age(const char *name, time_t age)
{
    struct utimbuf t = {time(NULL) - age, time(NULL) - age};

    if (utime(path_of(name), &t))
        abort();
}

static int names_in(const char *folder, enum folder_which which)
{
    struct folder_names names;
    int fd;

    if (folder_open(path_of(folder), &fd, &err) != ST_OK ||
        folder_names(fd, which, arena, &names, &err) != ST_OK)
        return -1;
    close(fd);
    return (int)names.n;
}

/* ---- what lies on the disk ---- */

/* A new object, its name, and each folder that was made for it. */
static void durable(void)
{
    static const char *const parents[] = {".", "users", "users/new",
                                          "users/new/trips"};
    struct etag etag;

    syncs.n = 0;
    CHECK(put(STR_LIT("users/new/trips/t_5.json.gz"), "old", COND_ABSENT, "") ==
          ST_OK);
    CHECK(synced(path_of("users/new/trips/t_5.json.gz")));
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++)
        CHECK(synced(path_of(parents[i])));
    syncs.n = 0;
    snprintf(etag.z, sizeof etag.z, MD5_OLD);
    CHECK(objects_delete(store, STR_LIT("users/new/trips/t_5.json.gz"), &etag,
                         soon(), &err) == ST_OK);
    CHECK(synced(path_of("users/new/trips")));
}

static bool attribute_is(const char *name, const char *value)
{
    char text[300];
    ssize_t n =
        getxattr(path_of("users/u/trips/t_5.json.gz"), name, text, sizeof text);

    return n >= 0 && str_is((struct str){text, (size_t)n}, value);
}

static bool keeps_etag(const char *etag)
{
    char text[300];
    ssize_t n = getxattr(path_of("users/u/trips/t_5.json.gz"), "user.dg.etag",
                         text, sizeof text);

    return n > 0 && str_starts((struct str){text, (size_t)n}, str_of(etag));
}

static void layout(void)
{
    const struct object_meta meta = {STR_LIT("t"), STR_LIT("u"),
                                     STR_LIT("87.5")};
    struct etag etag;
    struct stat sb;

    CHECK(objects_check(store, soon(), &err) == ST_OK);
    CHECK(names_in(".", NAMES_TEMP) == 0 && names_in(".", NAMES_PLAIN) == 0);
    CHECK(objects_put(store, KEY, STR_LIT("old"), &meta, COND_NONE, NULL,
                      soon(), &etag, &err) == ST_OK);
    CHECK(stat(path_of("users/u/trips/t_5.json.gz"), &sb) == 0 &&
          sb.st_size == 3 && (sb.st_mode & 0007) == 0);
    CHECK(attribute_is("user.dg.trip_id", "t") &&
          attribute_is("user.dg.user_id", "u") &&
          attribute_is("user.dg.behavior_score", "87.5") &&
          attribute_is("user.dg.content_type", "application/json") &&
          attribute_is("user.dg.content_encoding", "gzip"));
    CHECK(access(path_of("users/u/.lock"), F_OK) == 0);
    CHECK(names_in("users/u/trips", NAMES_TEMP) == 0);
    CHECK(put(KEY, "x", COND_ABSENT, "") == ST_PRECONDITION);
    CHECK(names_in("users/u/trips", NAMES_TEMP) == 0);
}

static enum status put_pack(const char *body, enum object_condition cond,
                            const char *match, struct etag *out)
{
    struct etag etag = {""};

    snprintf(etag.z, sizeof etag.z, "%s", match);
    return objects_put_derived(store, PACK, str_of(body), cond, &etag, soon(),
                               out, &err);
}

/* Nothing waits for the disk, and what a power cut leaves is replaced under
 * the ETag that its reader got. */
static void derived(void)
{
    const char *name = "users/u/packs/1.json.gz";
    struct timespec at[2];
    struct etag etag;
    struct stat sb;
    struct object o;

    CHECK(put_pack("x", COND_ABSENT, "", &etag) == ST_OK);
    syncs.n = 0;
    CHECK(put_pack("new", COND_NONE, "", &etag) == ST_OK && syncs.n == 0);
    CHECK(holds(PACK, "new", MD5_NEW));

    if (truncate(path_of(name), 0)) /* lost its bytes */
        abort();
    CHECK(objects_get(store, PACK, NULL, 9, soon(), arena, &o, &err) == ST_OK &&
          o.body.n == 0 && strcmp(o.etag.z, MD5_NEW) != 0);
    CHECK(put_pack("new", COND_MATCH, MD5_NEW, &etag) == ST_PRECONDITION);
    CHECK(put_pack("new", COND_MATCH, o.etag.z, &etag) == ST_OK);

    if (stat(path_of(name), &sb)) /* has others, of the same size */
        abort();
    at[0] = sb.st_atim;
    at[1] = sb.st_mtim;
    write_file(name, "***");
    if (utimensat(AT_FDCWD, path_of(name), at, 0))
        abort();
    CHECK(holds(PACK, "***", MD5_NEW));
    CHECK(put_pack("old", COND_MATCH, MD5_NEW, &etag) == ST_OK);
    CHECK(holds(PACK, "old", MD5_OLD));
    CHECK(objects_delete_unwatched(store, PACK, soon(), &err) == ST_OK);
}

static void by_hand(void)
{
    const char *name = "users/u/trips/t_5.json.gz";

    CHECK(listed_etag(MD5_OLD) && holds(KEY, "old", MD5_OLD));
    write_file(name, "new"); /* in place, the size as before */
    CHECK(listed_etag(MD5_NEW) && holds(KEY, "new", MD5_NEW));
    CHECK(put(KEY, "x", COND_MATCH, MD5_OLD) == ST_PRECONDITION);
    CHECK(!keeps_etag(MD5_NEW)); /* not while the file is young */
    write_file(name, "old");
    set_age(name, 10);
    CHECK(listed_etag(MD5_OLD) && keeps_etag(MD5_OLD));
    write_file(name, "new");
    set_age(name, 20);
    CHECK(holds(KEY, "new", MD5_NEW) && keeps_etag(MD5_NEW));
    write_file(name, "old");
    CHECK(put(KEY, "new", COND_MATCH, MD5_OLD) == ST_OK);

    /* Placed, in a folder without a lock file or attributes. */
    if (unlink(path_of("users/u/.lock")))
        abort();
    write_file("users/u/trips/t2_5.json.gz", "old");
    CHECK(holds(KEY2, "old", MD5_OLD));
    CHECK(put(KEY2, "x", COND_ABSENT, "") == ST_PRECONDITION);
    CHECK(objects_delete(store, KEY2, &(struct etag){MD5_OLD}, soon(), &err) ==
          ST_OK);
}

static enum status count(void *ctx, const struct object_entry *e)
{
    ((int *)ctx)[0] += e->etag.z[0] != '\0';
    ((int *)ctx)[1] += !e->etag.z[0] && !e->size;
    return ST_OK;
}

static enum status count_driver(void *ctx, struct str user_id)
{
    (void)user_id;
    ++*(int *)ctx;
    return ST_OK;
}

static void what_is_no_object(void)
{
    int n = 0, listed[2] = {0}, pages;
    struct object o;

    write_file("users/u/trips/.tmp-abc", "x");
    write_file("secret", "x");
    if (symlink("../../../secret", path_of("users/u/trips/t2_5.json.gz")) ||
        mkdir(path_of("users/u/trips/t3_5.json.gz"), 0700) ||
        mkfifo(path_of("users/u/trips/t4_5.json.gz"), 0600) ||
        mkdir(path_of("users/empty"), 0700))
        abort();
    write_file("users/file", "x");
    CHECK(objects_list(store, TRIPS, soon(), count, listed, &pages, &err) ==
          ST_OK);
    CHECK(listed[0] == 1 && listed[1] == 3); /* by their names alone */
    CHECK(objects_get(store, KEY2, NULL, 9, soon(), arena, &o, &err) ==
          ST_NOT_FOUND);
    CHECK(objects_get(store, STR_LIT("users/u/trips/t3_5.json.gz"), NULL, 9,
                      soon(), arena, &o, &err) == ST_NOT_FOUND);
    CHECK(objects_get(store, STR_LIT("users/u/trips/t4_5.json.gz"), NULL, 9,
                      soon(), arena, &o, &err) == ST_NOT_FOUND);
    n = 0;
    CHECK(objects_drivers(store, soon(), count_driver, &n, &err) == ST_OK &&
          n == 1);
    /* A put replaces the link, and never writes through it. */
    CHECK(put(KEY2, "new", COND_ABSENT, "") == ST_OK);
    CHECK(holds(KEY2, "new", MD5_NEW));
    CHECK(access(path_of("secret"), F_OK) == 0 &&
          names_in("users/u/trips", NAMES_TEMP) == 1);
}

/* Root may read whatever it likes. */
static void become_nobody(void)
{
    static const char *const way[] = {"..", ".", "users", "users/u",
                                      "users/u/trips"};
    static const char *const own[] = {"users/u/.lock", "users/u/trips",
                                      "users/u/trips/t_5.json.gz"};

    for (size_t i = 0; i < sizeof way / sizeof *way; i++)
        if (chmod(path_of(way[i]), 0755))
            abort();
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (chown(path_of(own[i]), 65534, 65534))
            abort();
    if (seteuid(65534))
        abort();
}

/* A file that nobody may read, or with a bad block: it is listed, said to be
 * spoilt, replaced as what it is, and spoils nothing else. */
static void shut(void)
{
    const uid_t uid = geteuid();
    struct etag before, seen, out;
    struct object o;
    int listed[2] = {0}, pages;

    CHECK(objects_version(store, KEY, soon(), &before, &err) == ST_OK &&
          strcmp(before.z, MD5_NEW) == 0);
    if (uid == 0)
        become_nobody();
    if (chmod(path_of("users/u/trips/t_5.json.gz"), 0))
        abort();
    CHECK(objects_list(store, TRIPS, soon(), count, listed, &pages, &err) ==
          ST_OK);
    CHECK(listed[0] == 2 && listed[1] == 2);
    CHECK(objects_version(store, KEY, soon(), &seen, &err) == ST_OK);
    CHECK(str_starts(str_of(seen.z), STR_LIT("shut-")));
    CHECK(objects_get(store, KEY, &seen, 9, soon(), arena, &o, &err) ==
              ST_CORRUPT &&
          strstr(err.text, "Permission denied"));
    CHECK(put(KEY, "old", COND_ABSENT, "") == ST_PRECONDITION);
    CHECK(put(KEY, "old", COND_MATCH, MD5_NEW) == ST_PRECONDITION);
    CHECK(objects_put(store, KEY, STR_LIT("old"), NULL, COND_MATCH, &seen,
                      soon(), &out, &err) == ST_OK);
    CHECK(holds(KEY, "old", MD5_OLD));
    CHECK(put(KEY, "new", COND_MATCH, MD5_OLD) == ST_OK);
    /* Mended without a new one, it is what it was. */
    if (chmod(path_of("users/u/trips/t_5.json.gz"), 0))
        abort();
    CHECK(objects_version(store, KEY, soon(), &seen, &err) == ST_OK &&
          strcmp(seen.z, MD5_NEW) != 0);
    if (chmod(path_of("users/u/trips/t_5.json.gz"), 0640))
        abort();
    CHECK(holds(KEY, "new", MD5_NEW));
    CHECK(objects_version(store, STR_LIT("users/u/trips/no_5.json.gz"), soon(),
                          &seen, &err) == ST_OK &&
          !seen.z[0]);
    if (seteuid(uid))
        abort();
}

static void sweeping(void)
{
    write_file("users/u/trips/.tmp-old", "x");
    set_age("users/u/trips/.tmp-old", 3700);
    write_file("users/u/packs/.tmp-old", "x");
    set_age("users/u/packs/.tmp-old", 3700);
    write_file("users/u/.tmp-old", "x");
    set_age("users/u/.tmp-old", 3700);
    write_file(".tmp-old", "x");
    set_age(".tmp-old", 3700);
    CHECK(objects_sweep(store, soon(), &err) == ST_OK);
    CHECK(access(path_of("users/u/trips/.tmp-abc"), F_OK) == 0); /* young */
    CHECK(access(path_of("users/u/trips/.tmp-old"), F_OK) != 0 &&
          access(path_of("users/u/packs/.tmp-old"), F_OK) != 0 &&
          access(path_of("users/u/.tmp-old"), F_OK) != 0 &&
          access(path_of(".tmp-old"), F_OK) != 0);
    write_file("users/.tmp-old", "x");
    set_age("users/.tmp-old", 3700);
    CHECK(objects_sweep(store, soon(), &err) == ST_OK &&
          access(path_of("users/.tmp-old"), F_OK) != 0);
    CHECK(holds(KEY, "new", MD5_NEW));
    unlink(path_of("users/u/trips/.tmp-abc"));
}

static void waiting_for_the_lock(void)
{
    int fd = open(path_of("users/u/.lock"), O_RDWR | O_CLOEXEC);
    int64_t began = clock_mono_ms();
    struct etag etag;

    CHECK(flock(fd, LOCK_EX) == 0);
    CHECK(objects_put(store, KEY, STR_LIT("x"), NULL, COND_NONE, NULL,
                      deadline_in(60), &etag, &err) == ST_TIMEOUT);
    CHECK(clock_mono_ms() - began >= 60);
    CHECK(objects_delete_unwatched(store, KEY, deadline_in(20), &err) ==
          ST_TIMEOUT);
    CHECK(holds(KEY, "new", MD5_NEW)); /* a reader needs no lock */
    CHECK(names_in("users/u/trips", NAMES_TEMP) == 0);
    close(fd);
    CHECK(put(KEY, "old", COND_MATCH, MD5_NEW) == ST_OK);
}

/* One process replaces the object, others read it: every read is one whole
 * version with its own ETag. */
static int read_or_write(int i, void *ctx)
{
    static char body[2][100000];
    struct objects *s;
    struct etag etag[2];
    int bad = 0;

    (void)ctx;
    memset(body[0], 'a', sizeof body[0]);
    memset(body[1], 'b', sizeof body[1]);
    if (objects_open(&conf, &s, &err) != ST_OK)
        abort();
    for (int k = 0; k < 100 && bad == 0; k++) {
        struct object o;

        if (i == 0) {
            struct str v = {body[k % 2], sizeof body[0]};

            bad = objects_put(s, KEY, v, NULL, COND_NONE, NULL, soon(),
                              &etag[k % 2], &err) != ST_OK;
            continue;
        }
        bad = objects_get(s, KEY, NULL, sizeof body[0], soon(), arena, &o,
                          &err) != ST_OK;
        if (!bad && o.body.n == sizeof body[0])
            bad = memcmp(o.body.p, body[o.body.p[0] == 'b'], o.body.n) != 0 ||
                  strcmp(o.etag.z, o.body.p[0] == 'b'
                                       ? "09bfb3d92f4ec0691eec3644563f3ef4"
                                       : "1af6d6f2f682f76f80e606aeaaee1680");
    }
    objects_close(&s);
    return bad;
}

static void reading_while_writing(void)
{
    int codes[3];

    procs_run(3, read_or_write, NULL, codes);
    CHECK(procs_count(3, codes, 0) == 3);
}

static void root_replaced(void)
{
    char aside[400];
    struct object o;

    snprintf(aside, sizeof aside, "%s.aside", root);
    CHECK(put(KEY, "old", COND_NONE, "") == ST_OK);
    CHECK(rename(root, aside) == 0);
    CHECK(objects_get(store, KEY, NULL, 9, soon(), arena, &o, &err) ==
          ST_NOT_FOUND);
    CHECK(put(KEY, "new", COND_ABSENT, "") == ST_OK);
    CHECK(holds(KEY, "new", MD5_NEW));
}

#ifdef DG_FAULTS
static int put_once(int i, void *ctx)
{
    struct objects *s;
    struct etag etag;
    enum status st;

    (void)i, (void)ctx;
    if (objects_open(&conf, &s, &err) != ST_OK)
        abort();
    st = objects_put(s, KEY, STR_LIT("old"), NULL, COND_MATCH,
                     &(struct etag){MD5_NEW}, soon(), &etag, &err);
    objects_close(&s);
    return (int)st;
}

static void order(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");

    if (!f || fputs(text, f) < 0 || fclose(f))
        abort();
}

static void crashes(void)
{
    char faults[400], point[500];
    int code;

    snprintf(faults, sizeof faults, "%s.faults", root);
    if (mkdir(faults, 0700) || setenv("DRIVEGUARD_FAULTS", faults, 1))
        abort();
    snprintf(point, sizeof point, "%s/dir.put.before_rename", faults);
    order(point, "crash");
    procs_run(1, put_once, NULL, &code);
    CHECK(code == FAULT_EXIT && holds(KEY, "new", MD5_NEW));
    CHECK(names_in("users/u/trips", NAMES_TEMP) == 1);

    snprintf(point, sizeof point, "%s/dir.put.after_rename", faults);
    order(point, "crash"); /* in the lock: it frees itself */
    procs_run(1, put_once, NULL, &code);
    CHECK(code == FAULT_EXIT && holds(KEY, "old", MD5_OLD));
    procs_run(1, put_once, NULL, &code);
    CHECK(code == ST_PRECONDITION);

    snprintf(point, sizeof point, "%s/dir.put.fail.always", faults);
    order(point, "fail");
    CHECK(put(KEY, "x", COND_NONE, "") == ST_UNAVAILABLE);
    CHECK(holds(KEY, "old", MD5_OLD));
    unsetenv("DRIVEGUARD_FAULTS");
}
#endif

int main(void)
{
    const char *top = temp_folder();

    arena = arena_new(0);
    snprintf(root, sizeof root, "%s/objects", top);
    conf.objects_url = arena_printf(arena, "file://%s", root).p;
    if (objects_open(&conf, &store, &err) != ST_OK)
        abort();
    layout();
    durable();
    derived();
    by_hand();
    what_is_no_object();
    sweeping();
    shut();
    waiting_for_the_lock();
    reading_while_writing();
    root_replaced();
#ifdef DG_FAULTS
    crashes();
#endif
    objects_close(&store);
    arena_free(&arena);
    temp_remove(top);
    return tap_end();
}

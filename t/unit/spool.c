/* What the spool owes: kept, worked off once, by whoever lives. */
#include "t/unit/spool.h"

#include <signal.h>
#include "base/clock.h"
#include "base/log.h"
#include "store/folder.h"
#include "store/keys.h"
#include "t/unit/syncs.h"

static void own_entries(void)
{
    struct spool_entry one, two;

    CHECK(spool_owe(spool, &trip_debt, &one, &err) == ST_OK);
    CHECK(owed(DEBT_trip) == 1);
    CHECK(taken(SPOOL_SETTLED) == 0); /* it is being worked on */
    spool_done(spool, &one);
    CHECK(owed(DEBT_trip) == 0 && one.fd == -1);

    CHECK(spool_owe(spool, &trip_debt, &one, &err) == ST_OK);
    CHECK(spool_owe(spool, &trip_debt, &two, &err) == ST_OK);
    spool_leave(spool, &one);
    spool_leave(spool, &two);
    CHECK(owed(DEBT_trip) == 2);
    CHECK(taken(SPOOL_UNTRIED) == 2 && owed(DEBT_trip) == 2);
    CHECK(taken(SPOOL_SETTLED) == 2 && owed(DEBT_trip) == 0);
}

/* Killing a process proves nothing of a power cut: what counts is whether the
 * disk was asked to keep an entry, and its name, before the call returned. */
static void durable_entries(void)
{
    char path[99];
    struct spool_entry t;
    struct folder_names entries;
    struct arena *a = arena_new(0);
    int user;

    syncs.n = 0;
    CHECK(spool_owe(spool, &trip_debt, &t, &err) == ST_OK);
    CHECK(syncs.n == 0);
    CHECK(spool_keep(spool, &t, &err) == ST_OK);
    snprintf(path, sizeof path, "trips/%s", t.name);
    CHECK(synced(path_of(path)) && synced(path_of("trips")));
    spool_done(spool, &t);

    syncs.n = 0;
    CHECK(spool_add(spool, &token_debt, &err) == ST_OK);
    CHECK(synced(path_of("tokens")) && synced(path_of("tokens/driver-1")));
    CHECK(folder_open(path_of("tokens/driver-1"), &user, &err) == ST_OK &&
          folder_names(user, NAMES_PLAIN, a, &entries, &err) == ST_OK &&
          entries.n == 1);
    snprintf(path, sizeof path, "tokens/driver-1/%s", entries.v[0]);
    CHECK(synced(path_of(path)));
    close(user);
    arena_free(&a);
    CHECK(spool_work(spool, DEBT_token, add_nothing, NULL, &err) == ST_OK);
}

static int die_at_work(int i, void *ctx)
{
    struct spool_entry t;
    struct spool *s = own_spool();

    (void)i, (void)ctx;
    if (spool_owe(s, &trip_debt, &t, &err) == ST_OK)
        raise(SIGKILL);
    return 1;
}

static void after_a_crash(void)
{
    int codes[4];

    procs_run(4, die_at_work, NULL, codes);
    CHECK(procs_count(4, codes, -1) == 4);
    CHECK(owed(DEBT_trip) == 4);
    CHECK(taken(SPOOL_SETTLED) == 4);
    CHECK(owed(DEBT_trip) == 0);
}

/*
 * Half of the processes begin and finish entries as fast as they can, the
 * others work off what they find: a finished entry must never be found, nor one
 * that is being worked on be given to two.
 */
struct rush {
    int log; /* one byte for each entry that was given out */
};

static enum spool_end note(void *ctx, const struct debt *debt)
{
    struct rush *r = ctx;

    return str_is(debt->trip_id, "left") && write(r->log, "x", 1) == 1
               ? SPOOL_SETTLED
               : SPOOL_UNTRIED;
}

static int begin_and_finish(struct spool *s)
{
    for (int i = 0; i < 100; i++) {
        struct spool_entry t;
        struct debt debt = {.kind = DEBT_trip,
                            .user_id = USER,
                            .trip_id =
                                i % 10 ? STR_LIT("done") : STR_LIT("left")};

        if (spool_owe(s, &debt, &t, &err) != ST_OK)
            return 1;
        if (i % 10)
            spool_done(s, &t);
        else
            spool_leave(s, &t);
    }
    return 0;
}

static int rush(int i, void *ctx)
{
    struct spool *s = own_spool();
    int64_t until = clock_mono_ms() + 200;
    int code = 0;

    if (i % 2)
        code = begin_and_finish(s);
    else
        while (code == 0 && clock_mono_ms() < until)
            code = spool_work(s, DEBT_trip, note, ctx, &err) != ST_OK;
    spool_close(&s);
    return code;
}

static void taking_over(void)
{
    char log[400];
    struct rush r;
    struct stat sb;
    int codes[8];

    snprintf(log, sizeof log, "%s", path_of("log"));
    r.log = open(log, O_CREAT | O_WRONLY | O_APPEND, 0600);
    procs_run(8, rush, &r, codes);
    CHECK(procs_count(8, codes, 0) == 8);
    CHECK(spool_work(spool, DEBT_trip, note, &r, &err) == ST_OK);
    CHECK(fstat(r.log, &sb) == 0 && sb.st_size == 4 * 10);
    CHECK(owed(DEBT_trip) == 0);
    close(r.log);
    unlink(log);
}

static void longest_ids(void)
{
    char id[ID_MAX], want[2 * ID_MAX + 20];
    struct str longest = {memset(id, 'x', sizeof id), sizeof id};
    const struct debt debt = {
        .kind = DEBT_trip, .user_id = longest, .trip_id = longest};
    struct seen s = {.answer = SPOOL_SETTLED};
    struct spool_entry t;

    CHECK(spool_owe(spool, &debt, &t, &err) == ST_OK);
    spool_leave(spool, &t);
    CHECK(spool_work(spool, DEBT_trip, see, &s, &err) == ST_OK && s.n == 1);
    snprintf(want, sizeof want, "trips/%.*s/%.*s", STR_ARG(longest),
             STR_ARG(longest));
    CHECK(!strcmp(s.last, want) && owed(DEBT_trip) == 0);
}

/* Whatever comes first, the others are handled, and the failure is told. */
static void one_that_cannot_be_read(void)
{
    struct seen s = {.answer = SPOOL_SETTLED};
    struct spool_entry t;

    CHECK(spool_owe(spool, &trip_debt, &t, &err) == ST_OK);
    spool_leave(spool, &t);
    CHECK(symlink("nowhere", path_of("trips/0")) == 0 &&
          symlink("nowhere", path_of("trips/z")) == 0);
    CHECK(spool_work(spool, DEBT_trip, see, &s, &err) != ST_OK && s.n == 1);
    CHECK(unlink(path_of("trips/0")) == 0 && unlink(path_of("trips/z")) == 0);
    CHECK(owed(DEBT_trip) == 0);

    CHECK(spool_add(spool, &token_debt, &err) == ST_OK);
    put_file("tokens/0", "", 0);
    put_file("tokens/z", "", 0);
    s.n = 0;
    CHECK(spool_work(spool, DEBT_token, see, &s, &err) != ST_OK && s.n == 1);
    CHECK(unlink(path_of("tokens/0")) == 0 && unlink(path_of("tokens/z")) == 0);
    CHECK(owed(DEBT_token) == 0);
}

static void what_is_no_entry(void)
{
    put_file("trips/.tmp-young", "driver-1\ntr", 60);
    put_file("trips/.tmp-old", "driver-1\ntr", 4000);
    put_file("trips/bad1", "driver-1", 0);
    put_file("trips/bad2", "../x\ntrip", 0);
    put_file("trips/lost", "", 0);
    CHECK(owed(DEBT_trip) == 3);
    log_open("/dev/null", LOG_ERROR, "test"); /* it says so in the log */
    CHECK(taken(SPOOL_SETTLED) == 0);
    log_open("stderr", LOG_ERROR, "test");
    CHECK(owed(DEBT_trip) == 0);
    CHECK(access(path_of("trips/.tmp-young"), F_OK) == 0);
    CHECK(access(path_of("trips/.tmp-old"), F_OK) != 0);
    CHECK(access(path_of("trips/.damaged-bad1"), F_OK) == 0);
    CHECK(access(path_of("trips/.damaged-lost"), F_OK) != 0);
}

/* What a hand put beside the drivers' folders keeps nobody waiting. */
static void what_is_no_driver(void)
{
    struct seen s = {.answer = SPOOL_SETTLED};

    put_file("tokens/afile", "", 0);
    CHECK(mkdir(path_of("tokens/o'brien"), 0750) == 0);
    CHECK(spool_add(spool, &token_debt, &err) == ST_OK);
    CHECK(owed(DEBT_token) == 3);
    log_open("/dev/null", LOG_ERROR, "test");
    CHECK(spool_work(spool, DEBT_token, see, &s, &err) != ST_OK && s.n == 1);
    log_open("stderr", LOG_ERROR, "test");
    CHECK(strstr(err.text, "afile") && !token_waits(USER));
    CHECK(access(path_of("tokens/.damaged-o'brien"), F_OK) == 0);
    CHECK(owed(DEBT_token) == 1 && unlink(path_of("tokens/afile")) == 0);
}

/* Names and texts as every version so far has written them: a spool outlives
 * the program. */
static void version_before(void)
{
    struct seen s = {.answer = SPOOL_SETTLED};

    CHECK(!strcmp(debt_folder(DEBT_trip), "trips") &&
          !strcmp(debt_folder(DEBT_token), "tokens"));
    put_file("trips/0123456789abcdef0123456789abcdef",
             "driver-1\ntrip_driver-1_5", 9000);
    CHECK(mkdir(path_of("tokens/driver-2"), 0750) == 0);
    put_file("tokens/driver-2/fedcba9876543210", "", 9000);
    CHECK(owed(DEBT_trip) == 1 && owed(DEBT_token) == 1);
    CHECK(token_waits(STR_LIT("driver-2")));
    CHECK(taken(SPOOL_SETTLED) == 1);
    CHECK(spool_work(spool, DEBT_token, see, &s, &err) == ST_OK && s.n == 1 &&
          !strcmp(s.last, "tokens/driver-2/"));
    CHECK(owed(DEBT_trip) == 0 && owed(DEBT_token) == 0);
}

static bool is_text(const char *path, const char *text)
{
    char got[300] = "";
    FILE *f = fopen(path, "r");

    if (!f || fread(got, 1, sizeof got - 1, f) > sizeof got || fclose(f))
        return false;
    return !strcmp(got, text);
}

/* And as that version will have to find ours, should it come back. */
static void for_the_version_before(void)
{
    struct spool_entry e;
    char path[99];

    CHECK(spool_owe(spool, &trip_debt, &e, &err) == ST_OK);
    snprintf(path, sizeof path, "trips/%s", e.name);
    CHECK(is_text(path_of(path), "driver-1\ntrip_driver-1_5"));
    spool_done(spool, &e);
    CHECK(spool_owe(spool, &token_debt, &e, &err) == ST_OK);
    snprintf(path, sizeof path, "tokens/driver-1/%s", e.name);
    CHECK(is_text(path_of(path), ""));
    spool_done(spool, &e);
    CHECK(!token_waits(USER)); /* and its folder went with the last one */
}

/* ---- tokens ---- */

static enum spool_end add_meanwhile(void *ctx, const struct debt *debt)
{
    ++*(int *)ctx;
    return spool_add(spool, debt, &err) == ST_OK ? SPOOL_SETTLED : SPOOL_FAILED;
}

static void tokens(void)
{
    struct seen s = {.answer = SPOOL_UNTRIED};
    int deliveries = 0;

    CHECK(!token_waits(USER));
    CHECK(spool_add(spool, &token_debt, &err) == ST_OK);
    CHECK(spool_add(spool, &token_debt, &err) == ST_OK);
    CHECK(token_waits(USER) && owed(DEBT_token) == 1);
    CHECK(!token_waits(STR_LIT("driver-2")));

    CHECK(spool_work(spool, DEBT_token, see, &s, &err) == ST_OK && s.n == 1 &&
          !strcmp(s.last, "tokens/driver-1/"));
    CHECK(token_waits(USER)); /* it was not delivered */
    /* An entry made while a delivery runs is not delivered by it. */
    CHECK(spool_work(spool, DEBT_token, add_meanwhile, &deliveries, &err) ==
              ST_OK &&
          deliveries == 1);
    CHECK(token_waits(USER));
    s = (struct seen){.answer = SPOOL_SETTLED};
    CHECK(spool_work(spool, DEBT_token, see, &s, &err) == ST_OK && s.n == 1);
    CHECK(!token_waits(USER) && owed(DEBT_token) == 0);
    CHECK(spool_work(spool, DEBT_token, see, &s, &err) == ST_OK && s.n == 1);
}

static int add_or_deliver(int i, void *ctx)
{
    struct spool *s = own_spool();
    int64_t until = clock_mono_ms() + 300;
    int code = 0;

    (void)ctx;
    syncs.delay_us = 1000;
    while (code == 0 && clock_mono_ms() < until) {
        if (i % 2)
            code = spool_work(s, DEBT_token, add_nothing, NULL, &err) != ST_OK;
        else
            code = spool_add(s, &token_debt, &err) != ST_OK;
    }
    spool_close(&s);
    return code;
}

static void adding_while_delivering(void)
{
    int codes[6];

    procs_run(6, add_or_deliver, NULL, codes);
    CHECK(procs_count(6, codes, 0) == 6);
    CHECK(spool_work(spool, DEBT_token, add_nothing, NULL, &err) == ST_OK);
    CHECK(!token_waits(USER));
}

int main(void)
{
    const char *top = spool_begin();

    own_entries();
    durable_entries();
    after_a_crash();
    taking_over();
    longest_ids();
    what_is_no_entry();
    what_is_no_driver();
    version_before();
    for_the_version_before();
    one_that_cannot_be_read();
    tokens();
    adding_while_delivering();
    return spool_end(top);
}

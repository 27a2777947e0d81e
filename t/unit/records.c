/*
 * The contract of records.h, against a store of either kind:
 *
 *   t/unit/records            an SQLite file of its own
 *   t/unit/records URL        that store, with DYNAMODB_ENDPOINT and AWS_REGION
 *                             of the environment as settings; ids are new at
 *                             each run
 */
#include <string.h>
#include "base/json.h"
#include "base/random.h"
#include "store/records.h"
#include "store/records_impl.h"
#include "t/unit/procs.h"
#include "t/unit/tap.h"

#define NOW 1766241265000000
#define MINUTE INT64_C(60000000)

static struct conf conf;
static struct records *store;
static struct arena *arena;
static struct err err;
static char run[RANDOM_HEX + 1]; /* part of every id */

/* Far off: 64 processes under valgrind take their time. */
static struct deadline soon(void)
{
    return deadline_in(600000);
}

static struct str id(const char *name)
{
    return arena_printf(arena, "%s-%s", name, run);
}

/* Other settings than the defaults, for a store that is not AWS's. */
static void settings(const char *url)
{
    const char *endpoint = getenv("DYNAMODB_ENDPOINT");
    const char *region = getenv("AWS_REGION");

    if (conf_load(NULL, arena, &conf, &err) != ST_OK)
        abort();
    conf.records_url = url;
    if (endpoint)
        conf.dynamodb_endpoint = endpoint;
    if (region)
        conf.dynamodb_region = region;
}

static struct records *own_store(void)
{
    struct records *r;

    if (records_open(&conf, &r, &err) != ST_OK)
        abort();
    return r;
}

/* ---- users ---- */

static bool same_user(const struct user *a, const struct user *b)
{
    return str_eq(a->user_id, b->user_id) && str_eq(a->email, b->email) &&
           str_eq(a->name, b->name) && str_eq(a->role, b->role) &&
           str_eq(a->zipcode, b->zipcode) &&
           a->has_base_point == b->has_base_point &&
           a->latitude == b->latitude && a->longitude == b->longitude &&
           str_eq(a->city, b->city) && str_eq(a->state, b->state) &&
           str_eq(a->source, b->source) &&
           str_eq(a->base_zipcode, b->base_zipcode) &&
           a->has_privacy == b->has_privacy &&
           a->anonymization_radius == b->anonymization_radius &&
           a->retention_months == b->retention_months &&
           str_eq(a->consent, b->consent);
}

struct found {
    int n;
    struct str wanted;
    enum status answer;
};

static enum status count_user(void *ctx, const struct user *u)
{
    struct found *f = ctx;
    struct user again;

    f->n += str_starts(u->user_id, f->wanted);
    if (f->answer != ST_OK)
        return f->answer;
    /* The callback may call the store. */
    return records_user(store, u->user_id, soon(), arena, &again, &err);
}

static void users(void)
{
    const struct user full = {id("full"),
                              id("full@example.com"),
                              STR_LIT("Ann \303\244"),
                              STR_LIT("driver"),
                              STR_LIT("68102"),
                              true,
                              41.258652,
                              -95.937187,
                              STR_LIT("Omaha"),
                              STR_LIT("NE"),
                              STR_LIT("zipcode"),
                              STR_LIT("68102"),
                              true,
                              10,
                              12,
                              STR_LIT("full")};
    const struct user bare = {.user_id = id("bare")};
    struct user thief = {.user_id = id("thief"), .email = full.email};
    struct user out;
    struct str whose;

    CHECK(records_user(store, full.user_id, soon(), arena, &out, &err) ==
          ST_NOT_FOUND);
    CHECK(records_user_put(store, &full, soon(), &err) == ST_OK);
    CHECK(records_user_put(store, &bare, soon(), &err) == ST_OK);
    CHECK(records_user(store, full.user_id, soon(), arena, &out, &err) ==
              ST_OK &&
          same_user(&out, &full));
    CHECK(records_user(store, bare.user_id, soon(), arena, &out, &err) ==
              ST_OK &&
          same_user(&out, &bare));
    CHECK(records_user_by_email(store, full.email, soon(), arena, &out, &err) ==
              ST_OK &&
          same_user(&out, &full));
    CHECK(records_user_by_email(store, STR_LIT(""), soon(), arena, &out,
                                &err) == ST_NOT_FOUND);
    CHECK(records_id_by_email(store, full.email, soon(), arena, &whose, &err) ==
              ST_OK &&
          str_eq(whose, full.user_id));
    CHECK(records_id_by_email(store, STR_LIT("no@one"), soon(), arena, &whose,
                              &err) == ST_NOT_FOUND);

    CHECK(records_user_put(store, &thief, soon(), &err) == ST_PRECONDITION &&
          !strcmp(err.code, "email_taken"));
    CHECK(records_user(store, thief.user_id, soon(), arena, &out, &err) ==
          ST_NOT_FOUND);
    CHECK(records_user_put(store, &full, soon(), &err) == ST_OK);
    CHECK(records_user_remove(store, full.user_id, soon(), &err) == ST_OK);
    CHECK(records_user_remove(store, full.user_id, soon(), &err) ==
          ST_NOT_FOUND);
    CHECK(records_user_by_email(store, full.email, soon(), arena, &out, &err) ==
          ST_NOT_FOUND);
    CHECK(records_user_put(store, &thief, soon(), &err) == ST_OK);
}

static void all_users(void)
{
    struct found f = {0, arena_printf(arena, "many%s", run), ST_OK};

    for (int i = 0; i < 230; i++) { /* more than two pages */
        struct user u = {.user_id = arena_printf(arena, "many%s.%d", run, i)};

        if (records_user_put(store, &u, soon(), &err) != ST_OK)
            abort();
    }
    CHECK(records_users(store, soon(), count_user, &f, &err) == ST_OK &&
          f.n == 230);
    f = (struct found){0, f.wanted, ST_GONE_CLIENT};
    CHECK(records_users(store, soon(), count_user, &f, &err) == ST_GONE_CLIENT);
}

/* ---- batches ---- */

static int64_t count_of(const char *deltas)
{
    struct json v;

    return json_check(str_of(deltas), JSON_DEPTH, &v, &err) == ST_OK
               ? (int64_t)json_count(v)
               : 0;
}

static struct batch batch_of(struct str trip, struct str user, int64_t number,
                             const char *deltas)
{
    return (struct batch){.batch_id =
                              arena_printf(arena, "%.*s_batch_%lld",
                                           STR_ARG(trip), (long long)number),
                          .trip_id = trip,
                          .user_id = user,
                          .number = number,
                          .batch_size = -1,
                          .first_us = NOW + number * MINUTE,
                          .last_us = NOW + (number + 1) * MINUTE,
                          .uploaded_us = NOW,
                          .original_count = 3,
                          .deltas_count = count_of(deltas),
                          .deltas = str_of(deltas),
                          .statistics = STR_LIT("{\"total_deltas\":2}"),
                          .issues = STR_LIT("[]")};
}

static enum status upload(const struct batch *b, int64_t now_us)
{
    bool completed;

    return records_batch_store(store, b, now_us, soon(), &completed, &err);
}

static struct trip trip_now(struct str trip_id)
{
    struct trip t;

    if (records_trip(store, trip_id, soon(), arena, &t, &err) != ST_OK)
        memset(&t, 0, sizeof t);
    return t;
}

static void widening(void)
{
    struct str trip = id("wide"), user = id("u");
    struct batch b = batch_of(trip, user, 3, "[{\"a\":1.50}]");
    struct trip t;

    CHECK(records_trip(store, trip, soon(), arena, &t, &err) == ST_NOT_FOUND);
    CHECK(upload(&b, NOW + 1) == ST_OK);
    t = trip_now(trip);
    CHECK(str_eq(t.user_id, user) && t.status == TRIP_ACTIVE &&
          t.total_batches == 1 && t.highest_batch == 3 && t.revision == 0 &&
          t.analysis_status == ANALYSIS_NONE && t.start_us == b.first_us &&
          t.end_us == b.last_us && t.finalized_us == TIME_NONE &&
          t.created_us == NOW + 1 && t.updated_us == NOW + 1);

    b = batch_of(trip, user, 1, "[]");
    CHECK(upload(&b, NOW + 2) == ST_OK);
    b.last_us = b.first_us = TIME_NONE; /* a retry, without times now */
    CHECK(upload(&b, NOW + 3) == ST_OK);
    t = trip_now(trip);
    CHECK(t.total_batches == 2 && t.highest_batch == 3 &&
          t.start_us == NOW + MINUTE && t.end_us == NOW + 4 * MINUTE &&
          t.created_us == NOW + 1 && t.updated_us == NOW + 3);
}

static void reading_batches(void)
{
    struct str trip = id("read"), user = id("u");
    struct trip bare = {.trip_id = trip, .user_id = user};
    struct trip_batches got;
    struct batch b;

    for (int n = 12; n >= 1; n--) { /* 10 comes after 9, not after 1 */
        b = batch_of(trip, user, n, n == 5 ? "[{\"x\":100.25},7]" : "[1]");
        CHECK(upload(&b, NOW) == ST_OK);
    }
    bare.total_batches = bare.highest_batch = 12;
    CHECK(records_batches(store, &bare, soon(), arena, &got, &err) == ST_OK &&
          got.n == 12);
    for (size_t i = 0; i < got.n; i++)
        CHECK(got.batch[i].number == (int64_t)i + 1);
    CHECK(str_is(got.batch[4].deltas, "[{\"x\":100.25},7]") &&
          got.batch[4].deltas_count == 2 && got.batch[4].original_count == 3);

    b = batch_of(trip, user, 5, "[\"replaced\"]");
    CHECK(upload(&b, NOW) == ST_OK);
    bare.total_batches = bare.highest_batch = 0; /* without a record */
    CHECK(records_batches(store, &bare, soon(), arena, &got, &err) == ST_OK &&
          got.n == 12 && str_is(got.batch[4].deltas, "[\"replaced\"]"));
    bare.user_id = id("other");
    CHECK(records_batches(store, &bare, soon(), arena, &got, &err) == ST_OK &&
          got.n == 0);
}

static void large_batch(void)
{
    enum { SIZE = 380000 };
    struct str trip = id("large");
    struct batch b = batch_of(trip, id("u"), 1, "");
    struct trip_batches got;
    struct trip t;
    char *text = arena_alloc(arena, SIZE);

    memset(text, 'x', SIZE);
    memcpy(text, "[\"", 2);
    memcpy(text + SIZE - 2, "\"]", 2);
    b.deltas = (struct str){text, SIZE};
    CHECK(upload(&b, NOW) == ST_OK);
    t = trip_now(trip);
    CHECK(records_batches(store, &t, soon(), arena, &got, &err) == ST_OK &&
          got.n == 1 && str_eq(got.batch[0].deltas, b.deltas));
}

static void too_many_deltas(void)
{
    struct str trip = id("endless");
    struct batch b = batch_of(trip, id("u"), 1, "[]");
    struct trip_batches got;
    struct trip t;

    if (!str_starts(str_of(conf.records_url), STR_LIT("sqlite:")))
        return; /* counts what is there, and so many would take long */
    b.deltas_count = TRIP_MAX_DELTAS;
    CHECK(upload(&b, NOW) == ST_OK);
    t = trip_now(trip);
    CHECK(records_batches(store, &t, soon(), arena, &got, &err) == ST_OK);
    b = batch_of(trip, id("u"), 2, "[1]");
    CHECK(upload(&b, NOW) == ST_OK);
    t = trip_now(trip);
    CHECK(records_batches(store, &t, soon(), arena, &got, &err) ==
          ST_TOO_LARGE);
}

static void too_many_bytes(void)
{
    struct trip_size size = {.deltas = 0};
    struct batch b = {.deltas = {.n = TRIP_MAX_BYTES}};

    CHECK(trip_grow(&size, &b, &err) == ST_OK);
    b.deltas.n = 1;
    CHECK(trip_grow(&size, &b, &err) == ST_TOO_LARGE);
}

/* ---- claims ---- */

static struct trip_claim claim_of(struct str trip, struct str user)
{
    return (struct trip_claim){.trip_id = trip,
                               .user_id = user,
                               .start_us = TIME_NONE,
                               .end_us = NOW + 9 * MINUTE,
                               .now_us = NOW + 5,
                               .trip_quality = STR_LIT("{\"a\":1}")};
}

static enum status claim(const struct trip_claim *c, struct trip *out)
{
    return records_trip_claim(store, c, soon(), arena, out, &err);
}

static enum status stored(struct str trip, int64_t revision, const char *key)
{
    return records_trip_stored(store, trip, revision, ANALYSIS_STORED,
                               str_of(key), soon(), &err);
}

static void not_the_owner(void)
{
    struct str trip = id("mine"), mine = id("me"), other = id("other");
    struct batch b = batch_of(trip, mine, 1, "[1]");
    struct trip_claim c = claim_of(trip, other);
    struct trip_batches got;
    struct trip t, before;

    CHECK(upload(&b, NOW) == ST_OK);
    before = trip_now(trip);
    b = batch_of(trip, other, 1, "[\"stolen\"]");
    CHECK(upload(&b, NOW + 7) == ST_NOT_OWNER);
    b = batch_of(trip, other, 2, "[\"stolen\"]");
    CHECK(upload(&b, NOW + 7) == ST_NOT_OWNER);
    CHECK(claim(&c, &t) == ST_NOT_OWNER);
    c.create = true;
    CHECK(claim(&c, &t) == ST_NOT_OWNER);

    t = trip_now(trip);
    CHECK(t.total_batches == 1 && t.highest_batch == 1 && t.revision == 0 &&
          t.status == TRIP_ACTIVE && t.updated_us == before.updated_us &&
          str_eq(t.user_id, mine));
    CHECK(records_batches(store, &t, soon(), arena, &got, &err) == ST_OK &&
          got.n == 1 && str_is(got.batch[0].deltas, "[1]"));

    /* A trip of one's own, but a batch id that another has. */
    b = batch_of(id("theirs"), other, 1, "[2]");
    b.batch_id = batch_of(trip, mine, 1, "").batch_id;
    CHECK(upload(&b, NOW) == ST_NOT_OWNER);
    CHECK(records_batches(store, &t, soon(), arena, &got, &err) == ST_OK &&
          got.n == 1 && str_is(got.batch[0].deltas, "[1]"));
}

static void claiming(void)
{
    struct str trip = id("claim"), user = id("u");
    struct trip_claim c = claim_of(trip, user);
    struct batch b = batch_of(trip, user, 1, "[1]");
    struct trip t;
    bool completed = true;

    CHECK(claim(&c, &t) == ST_NOT_FOUND);
    CHECK(records_batch_store(store, &b, NOW, soon(), &completed, &err) ==
              ST_OK &&
          !completed);
    CHECK(claim(&c, &t) == ST_OK);
    CHECK(t.status == TRIP_COMPLETED && t.revision == 1 &&
          t.analysis_status == ANALYSIS_PENDING && t.total_batches == 1 &&
          t.start_us == b.first_us && t.end_us == NOW + 9 * MINUTE &&
          t.finalized_us == NOW + 5 && t.updated_us == NOW + 5 &&
          str_is(t.trip_quality, "{\"a\":1}") && str_eq(t.user_id, user));
    CHECK(stored(trip, 1, "key1") == ST_OK);
    t = trip_now(trip);
    CHECK(t.analysis_status == ANALYSIS_STORED && t.revision == 1 &&
          str_is(t.analysis_key, "key1"));

    c.start_us = NOW - MINUTE;
    c.end_us = NOW + 99 * MINUTE;
    c.trip_quality = STR_NONE;
    CHECK(claim(&c, &t) == ST_OK && t.revision == 2 &&
          t.start_us == NOW - MINUTE && t.end_us == NOW + 99 * MINUTE &&
          t.trip_quality.n == 0 && str_is(t.analysis_key, "key1"));
    CHECK(stored(trip, 1, "late") == ST_PRECONDITION);

    /* A batch for a completed trip: scored again, its times stay. */
    b = batch_of(trip, user, 200, "[1]");
    CHECK(records_batch_store(store, &b, NOW + 8, soon(), &completed, &err) ==
              ST_OK &&
          completed);
    CHECK(stored(trip, 2, "late") == ST_PRECONDITION);
    t = trip_now(trip);
    CHECK(t.revision == 3 && t.analysis_status == ANALYSIS_PENDING &&
          t.status == TRIP_COMPLETED && t.total_batches == 2 &&
          t.end_us == NOW + 99 * MINUTE && t.updated_us == NOW + 8);
    CHECK(stored(trip, 3, "key3") == ST_OK);
    CHECK(records_trip_stored(store, id("none"), 1, ANALYSIS_STORED, STR_NONE,
                              soon(), &err) == ST_PRECONDITION);
}

static void creating(void)
{
    struct trip_claim c = claim_of(id("created"), id("u"));
    struct trip t;

    c.create = true;
    CHECK(claim(&c, &t) == ST_OK && t.revision == 1 && t.total_batches == 0 &&
          t.created_us == NOW + 5 && t.start_us == TIME_NONE);
    t = trip_now(c.trip_id);
    CHECK(t.status == TRIP_COMPLETED && str_is(t.trip_quality, "{\"a\":1}"));
}

static void rescoring(void)
{
    struct str trip = id("rescore"), user = id("u");
    struct trip_claim first = claim_of(trip, user), again = first;
    struct batch b = batch_of(trip, user, 1, "[1]");
    struct trip t;

    again.rescore = true;
    again.now_us = NOW + 999;
    again.end_us = NOW + 999 * MINUTE;
    again.trip_quality = STR_NONE;
    CHECK(claim(&again, &t) == ST_NOT_FOUND);
    CHECK(upload(&b, NOW) == ST_OK);
    CHECK(claim(&again, &t) == ST_PRECONDITION); /* still active */
    CHECK(claim(&first, &t) == ST_OK);
    CHECK(claim(&again, &t) == ST_OK && t.revision == 2 &&
          t.end_us == first.end_us && t.updated_us == first.now_us &&
          t.finalized_us == first.now_us &&
          str_eq(t.trip_quality, first.trip_quality));
    CHECK(stored(trip, 2, "k") == ST_OK);
    CHECK(claim(&again, &t) == ST_PRECONDITION); /* nothing to do */
    again.lost = true;
    CHECK(claim(&again, &t) == ST_OK && t.revision == 3);
    CHECK(records_trip_stored(store, trip, 3, ANALYSIS_INSUFFICIENT, STR_NONE,
                              soon(), &err) == ST_OK);
    t = trip_now(trip);
    CHECK(t.analysis_status == ANALYSIS_INSUFFICIENT && t.analysis_key.n == 0);
    CHECK(claim(&again, &t) == ST_PRECONDITION);
}

static void forwarding(void)
{
    struct trip_claim c = claim_of(id("forward"), id("u"));
    struct trip t;

    c.create = true;
    CHECK(claim(&c, &t) == ST_OK && t.revision == 1);
    CHECK(records_trip_forward(store, c.trip_id, 1, 7, STR_LIT("k7"), soon(),
                               &err) == ST_OK);
    CHECK(records_trip_forward(store, c.trip_id, 1, 8, STR_LIT("k8"), soon(),
                               &err) == ST_PRECONDITION);
    t = trip_now(c.trip_id);
    CHECK(t.revision == 7 && t.analysis_status == ANALYSIS_STORED &&
          str_is(t.analysis_key, "k7"));
}

/* ---- lists ---- */

static enum status settle_listed(void *ctx, const struct trip *t)
{
    struct found *f = ctx;

    if (!str_starts(t->trip_id, f->wanted))
        return ST_OK;
    f->n++;
    return records_trip_stored(store, t->trip_id, t->revision, ANALYSIS_STORED,
                               STR_LIT("k"), soon(), &err);
}

static enum status count_trip(void *ctx, const struct trip *t)
{
    struct found *f = ctx;

    f->n += str_starts(t->trip_id, f->wanted);
    return ST_OK;
}

static int listed(struct str user, struct str wanted, bool unsettled)
{
    struct found f = {0, wanted, ST_OK};
    enum status st =
        unsettled
            ? records_trips_unsettled(store, user, soon(), count_trip, &f, &err)
            : records_trips_of(store, user, soon(), count_trip, &f, &err);

    return st == ST_OK ? f.n : -1;
}

static void lists(void)
{
    struct str wanted = arena_printf(arena, "list%s", run), user = id("lu");
    struct found f = {0, wanted, ST_OK};
    int64_t pending = -2;
    struct trip t;

    for (int i = 0; i < 230; i++) {
        struct trip_claim c =
            claim_of(arena_printf(arena, "%.*s.%d", STR_ARG(wanted), i),
                     i % 10 ? user : id("lv"));

        c.create = true;
        if (claim(&c, &t) != ST_OK)
            abort();
    }
    CHECK(listed(user, wanted, true) == 207);
    CHECK(listed(id("lv"), wanted, true) == 23);
    CHECK(listed(STR_NONE, wanted, true) == 230);
    CHECK(listed(user, wanted, false) == 207);
    CHECK(records_pending_count(store, soon(), &pending, &err) == ST_OK &&
          (pending == -1 || pending >= 230));
    /* Each is settled while the list is read. */
    CHECK(records_trips_unsettled(store, STR_NONE, soon(), settle_listed, &f,
                                  &err) == ST_OK &&
          f.n == 230);
    CHECK(listed(STR_NONE, wanted, true) == 0);
    CHECK(listed(user, wanted, false) == 207);
}

/* ---- many at once ---- */

static int claim_once(int i, void *ctx)
{
    struct trip_claim c = *(struct trip_claim *)ctx;
    struct records *r = own_store();
    struct trip t;
    enum status st;

    c.end_us += i * MINUTE;
    st = records_trip_claim(r, &c, soon(), arena, &t, &err);
    records_close(&r);
    return st == ST_OK ? 100 + (int)t.revision : (int)st;
}

static void claims_at_once(void)
{
    struct trip_claim c = claim_of(id("rush"), id("u"));
    int codes[64], unique = 0;
    int64_t began;

    c.create = true;
    began = clock_mono_ms();
    procs_run(64, claim_once, &c, codes);
    for (int revision = 1; revision <= 64; revision++)
        unique += procs_count(64, codes, 100 + revision) == 1;
    CHECK(unique == 64); /* every revision once, none left out */
    CHECK(trip_now(c.trip_id).revision == 64);
    tap_note("64 claims at once: %lld ms",
             (long long)(clock_mono_ms() - began));
}

static int upload_some(int i, void *ctx)
{
    struct str trip = *(struct str *)ctx;
    struct records *r = own_store();
    enum status st = ST_OK;
    bool completed;

    /* 16 processes, 4 batches each, every number sent by two of them. */
    for (int k = 0; st == ST_OK && k < 4; k++) {
        struct batch b = batch_of(trip, id("u"), i % 8 * 4 + k + 1, "[1]");

        st = records_batch_store(r, &b, NOW, soon(), &completed, &err);
    }
    records_close(&r);
    return (int)st;
}

static void uploads_at_once(void)
{
    struct str trip = id("uploads");
    struct trip_batches got;
    struct trip t;
    int codes[16];

    procs_run(16, upload_some, &trip, codes);
    CHECK(procs_count(16, codes, ST_OK) == 16);
    t = trip_now(trip);
    tap_note("%lld batches, highest %lld", (long long)t.total_batches,
             (long long)t.highest_batch);
    CHECK(t.total_batches == 32 && t.highest_batch == 32 &&
          t.start_us == NOW + MINUTE && t.end_us == NOW + 33 * MINUTE);
    CHECK(records_batches(store, &t, soon(), arena, &got, &err) == ST_OK &&
          got.n == 32);
}

static int first_upload(int i, void *ctx)
{
    struct str user = arena_printf(arena, "user%d-%s", i, run);
    struct batch b = batch_of(*(struct str *)ctx, user, 1, "[1]");
    struct records *r = own_store();
    bool completed;
    enum status st = records_batch_store(r, &b, NOW, soon(), &completed, &err);

    records_close(&r);
    return (int)st;
}

static void one_owner(void)
{
    struct str trip = id("contested");
    int codes[16];

    procs_run(16, first_upload, &trip, codes);
    CHECK(procs_count(16, codes, ST_OK) == 1 &&
          procs_count(16, codes, ST_NOT_OWNER) == 15);
    CHECK(trip_now(trip).total_batches == 1);
}

static void too_late(void)
{
    struct deadline past = {clock_mono_ms() - 1};
    struct trip_claim c = claim_of(id("late"), id("u"));
    struct trip t;

    c.create = true;
    CHECK(records_trip_claim(store, &c, past, arena, &t, &err) == ST_TIMEOUT);
    CHECK(records_check(store, past, &err) == ST_TIMEOUT);
    CHECK(records_check(store, soon(), &err) == ST_OK);
}

static void urls(void)
{
    static const char *const bad[] = {"", "sqlite://", "sqlite://x/y",
                                      "sqlite:///x/", "mysql://x"};
    struct conf c = conf;
    struct records *r;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        c.records_url = bad[i];
        CHECK(records_open(&c, &r, &err) == ST_BAD_REQUEST && !r);
    }
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? NULL : temp_folder();

    arena = arena_new(0);
    random_hex(run);
    settings(argc > 1
                 ? argv[1]
                 : arena_printf(arena, "sqlite://%s/a/records.db", folder).p);
    if (records_open(&conf, &store, &err) != ST_OK) {
        printf("Bail out! %s\n", err.text);
        return EXIT_FAILURE;
    }
    claims_at_once(); /* first: they make the file, too */
    users();
    all_users();
    widening();
    reading_batches();
    large_batch();
    too_many_deltas();
    too_many_bytes();
    not_the_owner();
    claiming();
    creating();
    rescoring();
    forwarding();
    lists();
    /* A connection must not be carried over a fork. */
    records_close(&store);
    CHECK(store == NULL);
    store = own_store();
    uploads_at_once();
    one_owner();
    too_late();
    urls();
    records_close(&store);
    arena_free(&arena);
    if (folder)
        temp_remove(folder);
    return tap_end();
}

/*
 * The contract of records.h about users and batches, against a store of either
 * kind:
 *
 *   t/unit/records         an SQLite file of its own
 *   t/unit/records URL     that store, with DYNAMODB_ENDPOINT and AWS_REGION of
 *                          the environment as settings; ids are new at each run
 */
#include "t/unit/records.h"
#include "store/records_impl.h"

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

/* The same members in any order, with equal values but for white space. */
static bool same_members(struct str a, struct str b)
{
    struct json_iter it = json_iter(json_of(a));
    struct json key, v;
    size_t n = 0;

    for (; json_next(&it, &key, &v); n++) {
        struct json other =
            json_member(json_of(b), arena_z(arena, json_string(key, arena)));

        if (!str_eq(v.raw, other.raw))
            return false;
    }
    return n == json_count(json_of(b));
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
                              STR_LIT("full"),
                              0,
                              false,
                              STR_NONE};
    const struct user bare = {.user_id = id("bare")};
    struct user thief = {.user_id = id("thief"), .email = full.email};
    struct user out;
    struct email_ids ids;

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
    CHECK(records_ids_by_email(store, full.email, soon(), arena, &ids, &err) ==
              ST_OK &&
          ids.n == 1 && str_eq(ids.id[0], full.user_id));
    CHECK(records_ids_by_email(store, STR_LIT("no@one"), soon(), arena, &ids,
                               &err) == ST_NOT_FOUND &&
          ids.n == 0);

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

/* What is not named stays, whoever put it there. */
static void user_kept(void)
{
    struct user u = {.user_id = id("kept"),
                     .email = id("kept@b"),
                     .name = STR_LIT("A"),
                     .has_base_point = true,
                     .latitude = 1.5,
                     .longitude = 2.5,
                     .foreign = STR_LIT("{\"hash\":{\"B\":\"AAEC\"},"
                                        "\"odd .-\":{\"NS\":[\"1.5\"]},"
                                        "\"base_point\":{\"M\":{\"at\":"
                                        "{\"N\":\"1\"}}}}")};
    struct user out;
    struct str foreign;

    CHECK(records_user_foreign(store, u.user_id, soon(), arena, &foreign,
                               &err) == ST_NOT_FOUND);
    CHECK(records_user_put(store, &u, soon(), &err) == ST_OK);
    CHECK(records_user_foreign(store, u.user_id, soon(), arena, &foreign,
                               &err) == ST_OK &&
          same_members(foreign, u.foreign));
    u = (struct user){.user_id = u.user_id,
                      .zipcode = STR_LIT("02134"),
                      .keeps = USER_KEEPS_ALL & ~USER_KEEPS_ZIPCODE,
                      .foreign = STR_LIT("{\"hash\":null,\"new\":"
                                         "{\"L\":[{\"NULL\":true}]}}")};
    CHECK(records_user_put(store, &u, soon(), &err) == ST_OK);
    CHECK(records_user(store, u.user_id, soon(), arena, &out, &err) == ST_OK);
    CHECK(str_eq(out.email, id("kept@b")) && str_is(out.name, "A") &&
          out.has_base_point && out.latitude == 1.5 &&
          str_is(out.zipcode, "02134"));
    CHECK(records_user_foreign(store, u.user_id, soon(), arena, &foreign,
                               &err) == ST_OK &&
          same_members(foreign,
                       STR_LIT("{\"odd .-\":{\"NS\":[\"1.5\"]},"
                               "\"base_point\":{\"M\":{\"at\":{\"N\":"
                               "\"1\"}}},\"new\":{\"L\":[{\"NULL\":true}]"
                               "}}")));
    u = (struct user){.user_id = u.user_id,
                      .has_base_point = true,
                      .keeps = USER_KEEPS_ALL & ~USER_KEEPS_BASE_POINT};
    CHECK(records_user_put(store, &u, soon(), &err) == ST_OK);
    CHECK(
        records_user_foreign(store, u.user_id, soon(), arena, &foreign, &err) ==
            ST_OK &&
        same_members(foreign, STR_LIT("{\"odd .-\":{\"NS\":[\"1.5\"]},\"new\":"
                                      "{\"L\":[{\"NULL\":true}]}}")));
}

struct ends {
    size_t n;
    enum status st[3];
};

static void note_end(void *ctx, size_t i, enum status st, const struct err *e)
{
    struct ends *ends = ctx;

    (void)e;
    ends->n++;
    ends->st[i] = st;
}

/* Two with one e-mail are there, if that is asked for. */
static void users_at_once(void)
{
    struct user u[] = {{.user_id = id("one"), .email = id("at@once")},
                       {.user_id = id("two"), .email = id("at@once")},
                       {.user_id = id("three")}};
    struct ends ends = {0};
    struct user out;

    CHECK(records_user_put(store, &u[0], soon(), &err) == ST_OK);
    CHECK(records_users_put(store, u, 3, soon(), note_end, &ends, &err) ==
          ST_OK);
    CHECK(ends.n == 3 && ends.st[0] == ST_OK && ends.st[1] == ST_PRECONDITION &&
          ends.st[2] == ST_OK);
    CHECK(records_user(store, u[1].user_id, soon(), arena, &out, &err) ==
          ST_NOT_FOUND);
    u[1].shares_email = true;
    CHECK(records_user_put(store, &u[1], soon(), &err) == ST_OK);
    u[1].shares_email = false; /* it has it already */
    CHECK(records_user_put(store, &u[1], soon(), &err) == ST_OK);
    CHECK(records_user_by_email(store, id("at@once"), soon(), arena, &out,
                                &err) == ST_OK);
    CHECK(records_user(store, u[1].user_id, soon(), arena, &out, &err) ==
              ST_OK &&
          str_eq(out.email, id("at@once")));
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
    b.last_us = b.first_us = TIME_NONE; /* more points, without times now */
    b.deltas = STR_LIT("[1]");
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

    b = batch_of(trip, user, 5, "[{\"x\":100.25},7,\"more\"]");
    CHECK(upload(&b, NOW) == ST_OK);
    bare.total_batches = bare.highest_batch = 0; /* without a record */
    CHECK(records_batches(store, &bare, soon(), arena, &got, &err) == ST_OK &&
          got.n == 12 &&
          str_is(got.batch[4].deltas, "[{\"x\":100.25},7,\"more\"]"));
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
    CHECK(upload(&b, NOW) == ST_TOO_LARGE);
    t = trip_now(trip);
    CHECK(records_batches(store, &t, soon(), arena, &got, &err) == ST_OK &&
          got.n == 1);
}

static void too_many_bytes(void)
{
    struct trip_size size = {.deltas = 0};
    struct batch b = {.deltas = {.n = TRIP_MAX_BYTES}};

    CHECK(trip_grow(&size, &b, &err) == ST_OK);
    b.deltas.n = 1;
    CHECK(trip_grow(&size, &b, &err) == ST_TOO_LARGE);
}

/* ---- many at once ---- */

static int upload_some(int i, void *ctx)
{
    struct str trip = *(struct str *)ctx;
    struct records *r = own_store();
    enum status st = ST_OK;
    struct batch_stored out;

    /* 16 processes, 4 batches each, every number sent by two of them. */
    for (int k = 0; st == ST_OK && k < 4; k++) {
        struct batch b = batch_of(trip, id("u"), i % 8 * 4 + k + 1, "[1]");

        st = records_batch_store(r, &b, NOW, soon(), &out, &err);
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
    struct batch_stored out;
    enum status st = records_batch_store(r, &b, NOW, soon(), &out, &err);

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

/* Many ask for the first time at once, and are told the same. */
static int ask_identity(int i, void *ctx)
{
    struct records *r = own_store();
    struct str id = STR_NONE;
    enum status st = records_identity(r, soon(), arena, &id, &err);

    (void)i;
    records_close(&r);
    return st == ST_OK ? str_eq(id, *(struct str *)ctx) : 99;
}

static int first_identity(int i, void *ctx)
{
    struct str none = STR_NONE;

    (void)ctx;
    return ask_identity(i, &none) == 99;
}

static void identity(void)
{
    struct str id = STR_NONE;
    int codes[16];

    procs_run(16, first_identity, NULL, codes);
    CHECK(procs_count(16, codes, 0) == 16);
    CHECK(records_identity(store, soon(), arena, &id, &err) == ST_OK && id.n);
    procs_run(16, ask_identity, &id, codes);
    CHECK(procs_count(16, codes, 1) == 16);
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
    store_start(argc > 1 ? argv[1] : NULL);
    users();
    user_kept();
    users_at_once();
    all_users();
    widening();
    reading_batches();
    large_batch();
    too_many_deltas();
    too_many_bytes();
    /* A connection must not be carried over a fork. */
    records_close(&store);
    CHECK(store == NULL);
    store = own_store();
    uploads_at_once();
    one_owner();
    identity();
    urls();
    store_end();
    return tap_end();
}

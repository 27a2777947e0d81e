/*
 * The contract of records.h about who may do what with a trip and which trips
 * are still to be done, against a store of either kind:
 *
 *   t/unit/records_claims [URL]     as t/unit/records
 */
#include "t/unit/records.h"

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
    struct batch_stored out;

    CHECK(claim(&c, &t) == ST_NOT_FOUND);
    CHECK(records_batch_store(store, &b, NOW, soon(), &out, &err) == ST_OK &&
          !out.completed);
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
    CHECK(records_batch_store(store, &b, NOW + 8, soon(), &out, &err) ==
              ST_OK &&
          out.completed);
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

/* A trip that no client finalizes. */
static void abandoned(void)
{
    struct str trip = id("left"), user = id("u");
    struct batch b = batch_of(trip, user, 1, "[1]");
    struct trip_claim c = claim_of(trip, user), again, theirs = c;
    struct batch_stored out;
    struct trip t;

    c.abandoned = true;
    c.trip_quality = STR_NONE;
    CHECK(claim(&c, &t) == ST_NOT_FOUND);
    CHECK(records_batch_store(store, &b, NOW + 1, soon(), &out, &err) ==
              ST_OK &&
          out.created);
    b = batch_of(trip, user, 2, "[1]");
    CHECK(records_batch_store(store, &b, NOW + 3, soon(), &out, &err) ==
              ST_OK &&
          !out.created);
    c.seen_us = NOW + 1;
    c.end_us = b.last_us;
    CHECK(claim(&c, &t) == ST_PRECONDITION); /* an upload came since */
    c.seen_us = NOW + 3;
    theirs = c;
    theirs.user_id = id("other");
    CHECK(claim(&theirs, &t) == ST_NOT_OWNER);
    CHECK(!trip_now(trip).by_service);
    CHECK(claim(&c, &t) == ST_OK && t.status == TRIP_COMPLETED &&
          t.by_service && t.revision == 1 &&
          t.analysis_status == ANALYSIS_PENDING && t.end_us == b.last_us &&
          t.start_us == NOW + MINUTE && t.finalized_us == c.now_us &&
          t.updated_us == NOW + 3);
    CHECK(trip_now(trip).by_service);
    CHECK(claim(&c, &t) == ST_PRECONDITION); /* completed */

    /* Its times follow what comes later; a rescore says nothing of them. */
    b = batch_of(trip, user, 7, "[1]");
    CHECK(upload(&b, NOW + 9) == ST_OK);
    t = trip_now(trip);
    CHECK(t.by_service && t.revision == 2 && t.end_us == b.last_us);
    again = claim_of(trip, user);
    again.rescore = true;
    CHECK(claim(&again, &t) == ST_OK && t.by_service && t.revision == 3 &&
          t.end_us == b.last_us);

    /* The client's own finalize is the last word. */
    c = claim_of(trip, user);
    c.end_us = NOW + 5 * MINUTE;
    CHECK(claim(&c, &t) == ST_OK && !t.by_service && t.revision == 4 &&
          t.end_us == NOW + 5 * MINUTE);
    b = batch_of(trip, user, 9, "[1]");
    CHECK(upload(&b, NOW + 10) == ST_OK);
    t = trip_now(trip);
    CHECK(!t.by_service && t.revision == 5 && t.end_us == NOW + 5 * MINUTE);
}

/* A finalize without a start, before its only batch. */
static void without_a_start(void)
{
    struct trip_claim c = claim_of(id("startless"), id("u"));
    struct batch b = batch_of(c.trip_id, c.user_id, 1, "[1]");
    struct trip t;

    c.create = true;
    CHECK(claim(&c, &t) == ST_OK && t.start_us == TIME_NONE);
    CHECK(upload(&b, NOW) == ST_OK);
    t = trip_now(c.trip_id);
    CHECK(t.start_us == b.first_us && t.end_us == c.end_us);
    b = batch_of(c.trip_id, c.user_id, 2, "[1]");
    b.first_us = NOW - MINUTE;
    CHECK(upload(&b, NOW) == ST_OK);
    CHECK(trip_now(c.trip_id).start_us == NOW + MINUTE);
}

/* What others added to a trip that counts as done. */
static void rescoring_seen(void)
{
    struct str trip = id("seen"), user = id("u");
    struct trip_claim first = claim_of(trip, user);
    struct trip_claim again = {.trip_id = trip,
                               .user_id = user,
                               .rescore = true,
                               .seen_revision = 1,
                               .now_us = NOW + 999};
    struct batch b = batch_of(trip, user, 1, "[1]");
    struct trip t;

    CHECK(upload(&b, NOW) == ST_OK);
    CHECK(claim(&first, &t) == ST_OK && t.claimed_batches == 1);
    CHECK(stored(trip, 1, "k") == ST_OK);
    CHECK(claim(&again, &t) == ST_OK && t.revision == 2);
    CHECK(records_trip_stored(store, trip, 2, ANALYSIS_INSUFFICIENT, STR_NONE,
                              soon(), &err) == ST_OK);
    CHECK(claim(&again, &t) == ST_PRECONDITION && t.revision == 2);
    again.seen_revision = 2;
    CHECK(claim(&again, &t) == ST_OK && t.revision == 3);
    /* Who takes a trip for another's may take no other. */
    again.unclaimed_to = 99;
    CHECK(claim(&again, &t) == ST_PRECONDITION && t.revision == 3);
    first.unclaimed_to = 99;
    CHECK(claim(&first, &t) == ST_PRECONDITION && t.revision == 3);
    CHECK(trip_now(trip).revision == 3);
}

static void raising(void)
{
    struct trip_claim c = claim_of(id("raise"), id("u"));
    struct trip t, now;

    c.create = true;
    CHECK(claim(&c, &t) == ST_OK && t.revision == 1);
    CHECK(records_trip_raise(store, &t, 7, soon(), &err) == ST_OK);
    CHECK(records_trip_raise(store, &t, 8, soon(), &err) == ST_PRECONDITION);
    now = trip_now(c.trip_id);
    CHECK(now.revision == 7 && now.analysis_status == ANALYSIS_PENDING);
    CHECK(stored(c.trip_id, 1, "k") == ST_PRECONDITION);
    CHECK(stored(c.trip_id, 7, "k") == ST_OK);
}

static void foreign(void)
{
    struct str key = STR_LIT("users/u/trips/t_1000.json.gz");
    const struct trip done = {.status = TRIP_COMPLETED,
                              .analysis_status = ANALYSIS_STORED,
                              .revision = 3,
                              .end_us = 1000999,
                              .total_batches = 2,
                              .claimed_batches = 2,
                              .analysis_key = key};
    struct trip t = done;

    CHECK(!trip_is_foreign(&t) && !trip_is_unclaimed(&t));
    t.end_us = 1001000;
    CHECK(trip_is_foreign(&t));
    t.analysis_status = ANALYSIS_PENDING; /* it is owed already */
    CHECK(!trip_is_foreign(&t));
    t = done;
    t.total_batches = 3;
    CHECK(trip_is_foreign(&t) && !trip_is_unclaimed(&t));
    t.claimed_batches = -1;
    CHECK(!trip_is_foreign(&t)); /* claimed before it was written down */
    t.analysis_status = ANALYSIS_INSUFFICIENT;
    t.claimed_batches = 1;
    CHECK(trip_is_foreign(&t));
    t = done;
    t.end_us = TIME_NONE;
    CHECK(!trip_is_foreign(&t));
    t.revision = 0;
    CHECK(trip_is_foreign(&t) && trip_is_unclaimed(&t));
    t.analysis_status = ANALYSIS_PENDING; /* by an upload of ours */
    CHECK(trip_is_foreign(&t));
    t.status = TRIP_ACTIVE;
    CHECK(!trip_is_foreign(&t));
}

static void forwarding(void)
{
    struct trip_claim c = claim_of(id("forward"), id("u"));
    struct trip t;

    c.create = true;
    CHECK(claim(&c, &t) == ST_OK && t.revision == 1);
    CHECK(records_trip_forward(store, c.trip_id, 1, 7, STR_LIT("k7"), NOW + 7,
                               soon(), &err) == ST_OK);
    CHECK(records_trip_forward(store, c.trip_id, 1, 8, STR_LIT("k8"), NOW + 8,
                               soon(), &err) == ST_PRECONDITION);
    t = trip_now(c.trip_id);
    CHECK(t.revision == 7 && t.analysis_status == ANALYSIS_STORED &&
          str_is(t.analysis_key, "k7") && t.end_us == NOW + 7 &&
          t.claimed_batches == t.total_batches);
}

/* ---- lists ---- */

struct found {
    int n;
    struct str wanted;
};

static enum status settle_listed(void *ctx, const struct trip *t)
{
    struct found *f = ctx;

    if (!str_starts(t->trip_id, f->wanted))
        return ST_OK;
    f->n++;
    return records_trip_stored(store, t->trip_id, t->revision, ANALYSIS_STORED,
                               STR_LIT("k"), soon(), &err);
}

static enum status count_pending(void *ctx, const struct trip *t)
{
    struct found *f = ctx;

    f->n += str_starts(t->trip_id, f->wanted) && t->status == TRIP_COMPLETED &&
            t->analysis_status == ANALYSIS_PENDING;
    return ST_OK;
}

static int listed(struct str user, struct str wanted, records_trip_each each)
{
    struct found f = {0, wanted};

    return records_trips_of(store, user, soon(), each, &f, &err) == ST_OK ? f.n
                                                                          : -1;
}

static void lists(void)
{
    struct str wanted = arena_printf(arena, "list%s", run), user = id("lu");
    int64_t pending = -2, after = -2;
    struct trip t;

    for (int i = 0; i < 230; i++) {
        struct trip_claim c =
            claim_of(arena_printf(arena, "%.*s.%d", STR_ARG(wanted), i),
                     i % 10 ? user : id("lv"));

        c.create = true;
        if (claim(&c, &t) != ST_OK)
            abort();
    }
    CHECK(listed(user, wanted, count_pending) == 207);
    CHECK(listed(id("lv"), wanted, count_pending) == 23);
    CHECK(records_pending_count(store, soon(), &pending, &err) == ST_OK &&
          (pending == -1 || pending >= 230));
    /* Each is settled while the list is read. */
    CHECK(listed(user, wanted, settle_listed) == 207);
    CHECK(listed(user, wanted, count_pending) == 0);
    CHECK(records_pending_count(store, soon(), &after, &err) == ST_OK &&
          (pending == -1 || after == pending - 207));
}

/* ---- many at once, too late ---- */

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

int main(int argc, char **argv)
{
    store_start(argc > 1 ? argv[1] : NULL);
    claims_at_once(); /* first: they make the file, too */
    not_the_owner();
    claiming();
    creating();
    rescoring();
    abandoned();
    without_a_start();
    rescoring_seen();
    raising();
    foreign();
    forwarding();
    lists();
    too_late();
    store_end();
    return tap_end();
}

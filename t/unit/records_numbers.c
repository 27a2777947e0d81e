/*
 * The contract of records.h about a batch number that comes again, against a
 * store of either kind:
 *
 *   t/unit/records_numbers [URL]     as t/unit/records
 */
#include "store/batch_place.h"
#include "t/unit/records.h"

static struct batch_stored stored; /* by the upload before */

static enum status send(struct str trip, int64_t number, const char *deltas,
                        int64_t now_us)
{
    struct batch b = batch_of(trip, id("u"), number, deltas);

    b.uploaded_us = now_us;
    return records_batch_store(store, &b, now_us, soon(), &stored, &err);
}

/* "NUMBER:DELTAS" of all batches of the trip, in their order. */
static struct str batches_now(struct str trip)
{
    struct trip t = trip_now(trip);
    struct trip_batches got;
    struct str text = STR_LIT("");

    if (records_batches(store, &t, soon(), arena, &got, &err) != ST_OK)
        return STR_LIT("failed");
    for (size_t i = 0; i < got.n; i++)
        text = arena_printf(arena, "%.*s%s%lld:%.*s", STR_ARG(text),
                            i ? " " : "", (long long)got.batch[i].number,
                            STR_ARG(got.batch[i].deltas));
    return text;
}

static void repeated(void)
{
    struct str trip = id("again");
    struct trip before, t;

    CHECK(send(trip, 2, "[{\"a\":1.5,\"b\":true},{\"a\":2}]", NOW) == ST_OK &&
          stored.kept == BATCH_NEW && !stored.completed);
    before = trip_now(trip);
    CHECK(send(trip, 2, "[{\"b\":true,\"a\":1.50},{\"a\":2}]", NOW + 9) ==
              ST_OK &&
          stored.kept == BATCH_HELD && !stored.completed);
    CHECK(send(trip, 2, "[{\"a\":2}]", NOW + 9) == ST_OK &&
          stored.kept == BATCH_HELD);
    t = trip_now(trip);
    CHECK(t.updated_us == before.updated_us && t.total_batches == 1);
    CHECK(str_is(batches_now(trip), "2:[{\"a\":1.5,\"b\":true},{\"a\":2}]"));
}

static void replaced(void)
{
    struct str trip = id("more");
    struct trip t;

    CHECK(send(trip, 1, "[1,2]", NOW) == ST_OK);
    CHECK(send(trip, 1, "[0,1,2,3]", NOW + 9) == ST_OK &&
          stored.kept == BATCH_REPLACED);
    t = trip_now(trip);
    CHECK(t.total_batches == 1 && t.highest_batch == 1 &&
          t.updated_us == NOW + 9 && t.n_beside == 0);
    CHECK(str_is(batches_now(trip), "1:[0,1,2,3]"));
}

static void beside(void)
{
    struct str trip = id("beside");
    struct trip t;

    CHECK(send(trip, 1, "[1]", NOW) == ST_OK);
    CHECK(send(trip, 2, "[2]", NOW) == ST_OK);
    CHECK(send(trip, 2, "[20]", NOW) == ST_OK && stored.kept == BATCH_BESIDE);
    CHECK(send(trip, 1, "[10]", NOW) == ST_OK && stored.kept == BATCH_BESIDE);
    CHECK(send(trip, 2, "[22]", NOW) == ST_OK && stored.kept == BATCH_BESIDE);
    CHECK(send(trip, 3, "[3]", NOW) == ST_OK && stored.kept == BATCH_NEW);
    t = trip_now(trip);
    CHECK(t.total_batches == 3 && t.highest_batch == 3);
    CHECK(str_is(batches_now(trip), "1:[1] 2:[2] 3:[3] 100001:[10] "
                                    "100002:[20] 200002:[22]"));
    /* The same again makes no third. */
    CHECK(send(trip, 2, "[20]", NOW) == ST_OK && stored.kept == BATCH_HELD);
    CHECK(send(trip, 2, "[2,22]", NOW) == ST_OK && stored.kept == BATCH_HELD);
    CHECK(send(trip, 2, "[21,20]", NOW) == ST_OK &&
          stored.kept == BATCH_REPLACED);
    t = trip_now(trip);
    CHECK(t.total_batches == 3 && t.highest_batch == 3);
    CHECK(str_is(batches_now(trip), "1:[1] 2:[2] 3:[3] 100001:[10] "
                                    "100002:[21,20] 200002:[22]"));
}

static void of_a_finalized_trip(void)
{
    struct str trip = id("final");
    const struct trip_claim c = {.trip_id = trip,
                                 .user_id = id("u"),
                                 .start_us = TIME_NONE,
                                 .end_us = NOW + 9 * MINUTE,
                                 .now_us = NOW + 5};
    struct trip t;

    CHECK(send(trip, 1, "[1]", NOW) == ST_OK);
    CHECK(records_trip_claim(store, &c, soon(), arena, &t, &err) == ST_OK);
    /* Pending: whoever repeats it may have died before he told anybody. */
    CHECK(send(trip, 1, "[1]", NOW) == ST_OK && stored.completed);
    CHECK(records_trip_stored(store, trip, t.revision, ANALYSIS_STORED,
                              STR_LIT("k"), soon(), &err) == ST_OK);
    CHECK(send(trip, 1, "[1]", NOW) == ST_OK && !stored.completed);
    t = trip_now(trip);
    CHECK(t.revision == 1 && t.analysis_status == ANALYSIS_STORED);
    CHECK(send(trip, 1, "[2]", NOW) == ST_OK && stored.completed &&
          stored.kept == BATCH_BESIDE);
    t = trip_now(trip);
    CHECK(t.revision == 2 && t.analysis_status == ANALYSIS_PENDING &&
          t.total_batches == 1);
    CHECK(records_trip_stored(store, trip, t.revision, ANALYSIS_STORED,
                              STR_LIT("k"), soon(), &err) == ST_OK);
    CHECK(send(trip, 1, "[1,3]", NOW) == ST_OK && stored.completed &&
          stored.kept == BATCH_REPLACED);
    CHECK(trip_now(trip).analysis_status == ANALYSIS_PENDING);
    CHECK(records_trip_stored(store, trip, trip_now(trip).revision,
                              ANALYSIS_STORED, STR_LIT("k"), soon(),
                              &err) == ST_OK);
    CHECK(send(trip, 1, "[3]", NOW) == ST_OK && !stored.completed);
}

/* Others removed the trip's record, and left its batch. */
static void without_its_record(void)
{
    struct str trip = id("kept");
    struct batch b = batch_of(trip, id("u"), 3, "[1,2]");
    struct trip t;

    b.trip_id = id("kept-before");
    CHECK(upload(&b, NOW) == ST_OK); /* under the id of the other's batch */
    CHECK(send(trip, 3, "[1]", NOW) == ST_OK && stored.kept == BATCH_HELD &&
          stored.created);
    t = trip_now(trip);
    CHECK(t.total_batches == 1 && t.highest_batch == 3);
}

static void not_the_owner(void)
{
    struct str trip = id("whose");
    struct batch b = batch_of(trip, id("u"), 100, "[1]");

    CHECK(upload(&b, NOW) == ST_OK);
    b = batch_of(id("elsewhere"), id("v"), 100, "[1]");
    b.batch_id = batch_of(trip, id("u"), 100, "").batch_id;
    CHECK(upload(&b, NOW) == ST_NOT_OWNER);
}

/* ---- as much as a trip may have ---- */

static enum status send_many(struct str trip, int64_t number,
                             const char *deltas, int64_t count)
{
    struct batch b = batch_of(trip, id("u"), number, deltas);
    struct batch_stored out;
    enum status st;

    b.deltas_count = count;
    st = records_batch_store(store, &b, NOW + number, soon(), &out, &err);
    stored = st == ST_OK ? out : stored;
    return st;
}

/* What is over the limit changes nothing; what is stored may come again. */
static void full(void)
{
    struct str trip = id("full");
    struct trip before, t;

    CHECK(send_many(trip, 1, "[1]", TRIP_MAX_DELTAS - 3) == ST_OK);
    CHECK(send_many(trip, 2, "[2,3]", 2) == ST_OK);
    before = trip_now(trip);
    CHECK(before.stored.deltas == TRIP_MAX_DELTAS - 1 &&
          before.stored.bytes == 8 && before.stored.batches == 2);
    CHECK(send_many(trip, 3, "[4,5]", 2) == ST_TOO_LARGE &&
          !strcmp(err.code, "trip_too_large") && strstr(err.text, "2000000"));
    t = trip_now(trip);
    CHECK(t.updated_us == before.updated_us && t.total_batches == 2 &&
          t.highest_batch == 2 && t.stored.deltas == before.stored.deltas);
    CHECK(str_is(batches_now(trip), "1:[1] 2:[2,3]"));
    /* Beside another is no other place. */
    CHECK(send_many(trip, 2, "[4,5]", 2) == ST_TOO_LARGE);
    CHECK(send_many(trip, 2, "[3,2]", 2) == ST_OK && stored.kept == BATCH_HELD);
    CHECK(send_many(trip, 2, "[2,3,4]", 3) == ST_OK &&
          stored.kept == BATCH_REPLACED);
    t = trip_now(trip);
    CHECK(t.stored.deltas == TRIP_MAX_DELTAS && t.stored.bytes == 10 &&
          t.stored.batches == 2);
    CHECK(send_many(trip, 2, "[2,3,4,5]", 4) == ST_TOO_LARGE);
    CHECK(send_many(trip, 4, "[6]", 1) == ST_TOO_LARGE);
    CHECK(send_many(trip, 2, "[2,3,4]", 3) == ST_OK &&
          stored.kept == BATCH_HELD);
    CHECK(str_is(batches_now(trip), "1:[1] 2:[2,3,4]"));
}

/* A repeat after any number of others is not counted again. */
static void repeats_are_free(void)
{
    struct str trip = id("repeats");
    struct trip t;

    for (int i = 0; i < 3; i++) {
        CHECK(send_many(trip, 1, "[1]", TRIP_MAX_DELTAS / 2) == ST_OK);
        CHECK(send_many(trip, 2, "[2]", TRIP_MAX_DELTAS / 2) == ST_OK);
    }
    t = trip_now(trip);
    CHECK(t.stored.deltas == TRIP_MAX_DELTAS && t.stored.batches == 2 &&
          t.total_batches == 2);
}

/* A day at 10 Hz, in the app's uploads, of the largest deltas that it is known
 * to send on average (doc/limits.md). */
static void a_day_fits(void)
{
    const int64_t uploads = 24 * 3600 * 10 / 25;

    CHECK(uploads == 34560 && uploads <= TRIP_MAX_BATCHES &&
          uploads <= BATCH_MAX_NUMBER);
    CHECK(uploads * 25 <= TRIP_MAX_DELTAS);
    CHECK(uploads * (25 * 283 + 2 + 24) <= (int64_t)TRIP_MAX_BYTES);
}

/* ---- at once ---- */

/* Sixteen processes, each twice, with four contents under one number. */
static int send_one(int i, void *ctx)
{
    struct str trip = *(struct str *)ctx;
    struct records *r = own_store();
    struct batch b =
        batch_of(trip, id("u"), 1, arena_printf(arena, "[%d]", i % 4).p);
    struct batch_stored out;
    enum status st = ST_OK;

    for (int again = 0; st == ST_OK && again < 2; again++) {
        b.uploaded_us = NOW + i * 2 + again;
        st = records_batch_store(r, &b, NOW, soon(), &out, &err);
    }
    records_close(&r);
    return (int)st;
}

static void at_once(void)
{
    struct str trip = id("rush");
    struct trip_batches got;
    struct trip t;
    int codes[16], seen = 0;

    procs_run(16, send_one, &trip, codes);
    CHECK(procs_count(16, codes, ST_OK) == 16);
    t = trip_now(trip);
    CHECK(t.total_batches == 1 && t.highest_batch == 1);
    CHECK(records_batches(store, &t, soon(), arena, &got, &err) == ST_OK &&
          got.n == 4);
    for (size_t i = 0; i < got.n; i++)
        seen |= 1 << atoi(got.batch[i].deltas.p + 1);
    CHECK(seen == 0xf);
    CHECK(got.n == 4 && got.batch[0].number == 1 &&
          got.batch[1].number == 100001 && got.batch[2].number == 200001 &&
          got.batch[3].number == 300001);
}

int main(int argc, char **argv)
{
    store_start(argc > 1 ? argv[1] : NULL);
    at_once();
    repeated();
    replaced();
    beside();
    of_a_finalized_trip();
    without_its_record();
    not_the_owner();
    full();
    repeats_are_free();
    a_day_fits();
    store_end();
    return tap_end();
}

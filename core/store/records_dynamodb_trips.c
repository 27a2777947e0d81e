/* records_dynamodb_trips.c - the trips of the DynamoDB record store. */
#include "store/records_dynamodb.h"

#include "base/fault.h"
#include "store/batch_place.h"

/* The numbers above those of clients; few trips have any. */
static void read_beside(struct json item, struct arena *a, struct trip *out)
{
    struct json set, key, v;
    int64_t number, *beside = NULL;

    if (!ddb_is(item, "batch_numbers", "NS", &set))
        return;
    out->stored.batches = (int64_t)json_count(set);
    for (struct json_iter it = json_iter(set); json_next(&it, &key, &v);) {
        if (!str_to_i64(json_string(v, a), &number) || !batch_is_beside(number))
            continue;
        if (!beside)
            beside = arena_alloc_n(a, json_count(set), sizeof *beside);
        beside[out->n_beside++] = number;
    }
    out->beside = beside;
}

/* Others count as they like, but as many keys are asked for. */
static void item_count(struct json item, const char *name, int64_t *out)
{
    int64_t n;

    if (ddb_int(item, name, &n) && n >= 0)
        *out = n < BATCH_MAX_NUMBER ? n : BATCH_MAX_NUMBER;
}

/* Only this service writes it: none is 0, and one that cannot be is spoilt. */
static bool item_revision(struct json item, int64_t *out)
{
    return json_member(item, "revision").type == JSON_NONE ||
           (ddb_int(item, "revision", out) && *out >= 0 &&
            *out <= TRIP_MAX_REVISION);
}

enum status dynamodb_read_trip(struct json item, struct arena *a,
                               struct trip *out, struct err *err)
{
    struct err why = ERR_NONE;

    *out = (struct trip){
        .trip_id = ddb_str(item, "trip_id", a),
        .user_id = ddb_str(item, "user_id", a),
        .status = trip_status_of(ddb_str(item, "status", a)),
        .analysis_status =
            analysis_status_of(ddb_str(item, "analysis_status", a)),
        .start_us = ddb_time(item, "start_timestamp", a),
        .end_us = ddb_time(item, "end_timestamp", a),
        .created_us = ddb_time(item, "created_at", a),
        .updated_us = ddb_time(item, "last_updated", a),
        .finalized_us = ddb_time(item, "finalized_at", a),
        .analysis_key = ddb_str(item, "analysis_key", a),
        .by_service = str_is(ddb_str(item, "finalized_by", a), BY_SERVICE),
        .claimed_batches = -1,
    };
    item_count(item, "total_batches", &out->total_batches);
    item_count(item, "highest_batch", &out->highest_batch);
    item_count(item, "claimed_batches", &out->claimed_batches);
    (void)ddb_int(item, "stored_deltas", &out->stored.deltas);
    (void)ddb_int(item, "stored_bytes", &out->stored.bytes);
    read_beside(item, a, out);
    out->trip_quality = ddb_json_text(item, "trip_quality", a, &why);
    if (why.st != ST_OK)
        return err_set(err, ST_CORRUPT, NULL, "trip %.*s: %s",
                       STR_ARG(out->trip_id), why.text);
    if (item_revision(item, &out->revision))
        return ST_OK;
    return err_set(err, ST_CORRUPT, NULL, "trip %.*s has revision %.*s",
                   STR_ARG(out->trip_id),
                   STR_ARG(json_member(item, "revision").raw));
}

enum status dynamodb_trip(struct records *r, struct str trip_id,
                          struct deadline d, struct arena *a, struct trip *out,
                          struct err *err)
{
    struct dynamodb *s = dynamodb_of(r);
    struct json item;
    enum status st =
        dynamodb_get(s, s->db.trips, "trip_id", trip_id, d, a, &item, err);

    return st == ST_OK ? dynamodb_read_trip(item, a, out, err) : st;
}

/* ---- claims ---- */

/* None, pending, or a word that nobody knows. */
#define TO_SCORE                                                               \
    "NOT #analysis_status = :stored AND NOT #analysis_status = :insufficient"

static void claim_for_rescore(struct ddb_expr *e, const struct trip_claim *c)
{
    if (c->unclaimed_to)
        return;
    ddb_value_s(e, "insufficient",
                str_of(analysis_status_word(ANALYSIS_INSUFFICIENT)));
    if (c->lost) {
        ddb_if(e, "NOT #analysis_status = :insufficient");
        return;
    }
    ddb_value_s(e, "stored", str_of(analysis_status_word(ANALYSIS_STORED)));
    if (c->seen_revision) {
        ddb_if(e, TO_SCORE " OR #revision = :seen");
        ddb_value_n(e, "seen", c->seen_revision);
    } else {
        ddb_if(e, TO_SCORE);
    }
}

/* An unclaimed trip is completed and has no revision: who takes it must know,
 * and may take no other (rule 10). */
static void claim_revision(struct ddb_expr *e, const struct trip_claim *c)
{
    ddb_value_s(e, "completed", str_of(trip_status_word(TRIP_COMPLETED)));
    ddb_value_n(e, "none", 0);
    if (c->unclaimed_to) {
        ddb_set_n(e, "revision", c->unclaimed_to);
        ddb_if(e, "#status = :completed");
        ddb_if(e, "attribute_not_exists(#revision) OR #revision = :none");
        return;
    }
    ddb_count_up(e, "revision");
    ddb_if(e, c->rescore ? "#status = :completed AND #revision > :none"
                         : "#revision > :none OR NOT #status = :completed");
}

static enum status claim_for_finalize(struct ddb_expr *e,
                                      const struct trip_claim *c,
                                      struct err *err)
{
    struct json quality;

    ddb_set_s(e, "status", str_of(trip_status_word(TRIP_COMPLETED)));
    ddb_set_time(e, "start_timestamp", c->start_us);
    ddb_set_time(e, "end_timestamp", c->end_us);
    ddb_set_time(e, "finalized_at", c->now_us);
    if (c->abandoned) {
        ddb_set_s(e, "finalized_by", STR_LIT(BY_SERVICE));
    } else {
        ddb_set_time(e, "last_updated", c->now_us);
        ddb_remove(e, "finalized_by");
    }
    if (c->trip_quality.n == 0)
        ddb_remove(e, "trip_quality");
    else if (json_check(c->trip_quality, JSON_DEPTH, &quality, err) != ST_OK)
        return err->st;
    else
        ddb_set_json(e, "trip_quality", quality);
    return ST_OK;
}

/* An update can make the item: then these are set, too. */
static void claim_may_create(struct ddb_expr *e, const struct trip_claim *c)
{
    char now[TIME_TEXT_MAX];

    ddb_set_s(e, "user_id", c->user_id);
    ddb_keep(e, "created_at");
    ddb_value_s(e, "created_at", time_print(c->now_us, now));
    ddb_keep(e, "total_batches");
    ddb_value_n(e, "total_batches", 0);
    ddb_keep(e, "highest_batch");
    ddb_value_n(e, "highest_batch", 0);
}

/* seen: the item, for a claim of an abandoned trip. */
static enum status claim_body(struct dynamodb *s, const struct trip_claim *c,
                              struct json seen, struct arena *a,
                              struct str *out, struct err *err)
{
    enum status st = ST_OK;
    struct ddb_expr e;

    ddb_expr_begin(&e, s->db.trips, "trip_id", c->trip_id);
    claim_revision(&e, c);
    ddb_copy(&e, "claimed_batches", "total_batches", 0);
    ddb_set_s(&e, "analysis_status",
              str_of(analysis_status_word(ANALYSIS_PENDING)));
    if (c->create)
        claim_may_create(&e, c);
    else
        ddb_value_s(&e, "user_id", c->user_id);
    ddb_if(&e, c->create ? "attribute_not_exists(#trip_id) OR "
                           "#user_id = :user_id"
                         : "#user_id = :user_id");
    if (c->rescore)
        claim_for_rescore(&e, c);
    else
        st = claim_for_finalize(&e, c, err);
    if (c->abandoned) {
        ddb_if_unchanged(&e, "status", seen);
        ddb_if_unchanged(&e, "last_updated", seen);
    }
    e.returns = "ALL_NEW";
    *out = ddb_expr_end(&e, a);
    return st;
}

/* Why the condition did not hold; out is the record as it is now. */
static enum status claim_refused(struct dynamodb *s, const struct trip_claim *c,
                                 struct deadline d, struct arena *a,
                                 struct trip *out, struct err *err)
{
    enum status st = dynamodb_trip(&s->base, c->trip_id, d, a, out, err);

    if (st != ST_OK)
        return st;
    if (!str_eq(out->user_id, c->user_id))
        return err_set(err, ST_NOT_OWNER, NULL,
                       "trip %.*s belongs to another user",
                       STR_ARG(c->trip_id));
    if (c->rescore || c->abandoned || c->unclaimed_to || trip_is_unclaimed(out))
        return err_set(err, ST_PRECONDITION, NULL,
                       "trip %.*s is not to be claimed so",
                       STR_ARG(c->trip_id));
    return err_set(err, ST_UNAVAILABLE, NULL,
                   "trip %.*s came or went in this moment",
                   STR_ARG(c->trip_id));
}

/* Times are text there, in more forms than one: so they are not compared there,
 * but here, and must then be as they were read. */
static enum status claim_see(struct dynamodb *s, const struct trip_claim *c,
                             struct deadline d, struct arena *a,
                             struct json *seen, struct err *err)
{
    struct trip t;
    enum status st =
        dynamodb_get(s, s->db.trips, "trip_id", c->trip_id, d, a, seen, err);

    if (st == ST_OK)
        st = dynamodb_read_trip(*seen, a, &t, err);
    if (st == ST_OK && (t.status != TRIP_ACTIVE || t.updated_us != c->seen_us))
        return claim_refused(s, c, d, a, &t, err);
    return st;
}

enum status dynamodb_trip_claim(struct records *r, const struct trip_claim *c,
                                struct deadline d, struct arena *a,
                                struct trip *out, struct err *err)
{
    struct dynamodb *s = dynamodb_of(r);
    struct json seen = JSON_ABSENT;
    struct ddb_reply reply;
    struct str body;
    enum status st = ST_OK;

    if (c->abandoned)
        st = claim_see(s, c, d, a, &seen, err);
    if (st == ST_OK)
        st = claim_body(s, c, seen, a, &body, err);
    if (st != ST_OK)
        return st;
    st = ddb_call(&s->db, "UpdateItem", body, d, a, &reply, err);
    if (st == ST_PRECONDITION)
        return claim_refused(s, c, d, a, out, err);
    if (st != ST_OK)
        return st;
    fault_point("dynamodb.claim.after");
    return dynamodb_read_trip(json_member(reply.root, "Attributes"), a, out,
                              err);
}

/* ---- after the scoring ---- */

/*
    A condition that fails after a lost answer: was it our own update?
 */
static bool settled_by_us(struct dynamodb *s, struct str trip_id,
                          int64_t revision, enum analysis_status as,
                          struct str key, struct deadline d)
{
    struct err none = ERR_NONE;
    struct trip t;

    return dynamodb_trip(&s->base, trip_id, d, s->arena, &t, &none) == ST_OK &&
           t.revision == revision && t.analysis_status == as &&
           str_eq(t.analysis_key, key);
}

/* end_us, TIME_NONE for the others: of a forward, which takes what the object
 * says. */
static enum status put_claim_end(struct dynamodb *s, struct str trip_id,
                                 int64_t at, int64_t revision,
                                 enum analysis_status as, struct str key,
                                 int64_t end_us, struct deadline d,
                                 struct err *err)
{
    struct ddb_expr e;
    struct ddb_reply reply;
    enum status st;

    ddb_expr_begin(&e, s->db.trips, "trip_id", trip_id);
    ddb_set_s(&e, "analysis_status", str_of(analysis_status_word(as)));
    ddb_set_or_remove(&e, "analysis_key", key);
    if (revision != at)
        ddb_set_n(&e, "revision", revision);
    ddb_set_time(&e, "end_timestamp", end_us);
    if (end_us != TIME_NONE)
        ddb_copy(&e, "claimed_batches", "total_batches", 0);
    ddb_if(&e, "#revision = :at");
    ddb_value_n(&e, "at", at);
    st = ddb_call(&s->db, "UpdateItem", ddb_expr_end(&e, s->arena), d, s->arena,
                  &reply, err);
    if (st == ST_PRECONDITION && reply.unsure &&
        settled_by_us(s, trip_id, revision, as, key, d))
        st = ST_OK;
    if (st == ST_PRECONDITION)
        err_set(err, st, NULL, "trip %.*s is no longer at revision %lld",
                STR_ARG(trip_id), (long long)at);
    arena_reset(s->arena);
    return st;
}

enum status dynamodb_trip_raise(struct records *r, const struct trip *t,
                                int64_t to_revision, struct deadline d,
                                struct err *err)
{
    return put_claim_end(dynamodb_of(r), t->trip_id, t->revision, to_revision,
                         ANALYSIS_PENDING, t->analysis_key, TIME_NONE, d, err);
}

enum status dynamodb_trip_stored(struct records *r, struct str trip_id,
                                 int64_t revision, enum analysis_status as,
                                 struct str key, struct deadline d,
                                 struct err *err)
{
    return put_claim_end(dynamodb_of(r), trip_id, revision, revision, as, key,
                         TIME_NONE, d, err);
}

enum status dynamodb_trip_forward(struct records *r, struct str trip_id,
                                  int64_t revision, int64_t to_revision,
                                  struct str key, int64_t end_us,
                                  struct deadline d, struct err *err)
{
    return put_claim_end(dynamodb_of(r), trip_id, revision, to_revision,
                         ANALYSIS_STORED, key, end_us, d, err);
}

/* ---- lists: no index has trips by user ---- */

struct trips {
    records_trip_each each;
    void *ctx;
    struct err odd; /* the first that cannot be read */
};

static enum status one_trip(void *ctx, struct json item, struct arena *a,
                            struct err *err)
{
    struct trips *t = ctx;
    struct err odd = ERR_NONE;
    struct trip trip;

    (void)err;
    if (dynamodb_read_trip(item, a, &trip, &odd) == ST_OK)
        return t->each(t->ctx, &trip);
    if (t->odd.st == ST_OK)
        t->odd = odd;
    return ST_OK;
}

enum status dynamodb_trips_of(struct records *r, struct str user_id,
                              struct deadline d, records_trip_each each,
                              void *ctx, struct err *err)
{
    struct dynamodb *s = dynamodb_of(r);
    struct arena *a = arena_new(4096);
    struct trips trips = {each, ctx, ERR_NONE};
    struct dynamodb_query q = {.table = s->db.trips,
                               .filter = "#u = :u",
                               .names = "{\"#u\":\"user_id\"}"};
    struct buf values;
    struct json_out o = {.b = &values};
    enum status st;

    buf_init(&values, 65536);
    json_begin_object(&o, NULL);
    ddb_put_s(&o, ":u", user_id);
    json_end_object(&o);
    q.values = arena_z(a, buf_str(&values));
    st = dynamodb_scan(s, &q, d, one_trip, &trips, err);
    buf_free(&values);
    arena_free(&a);
    if (st != ST_OK || trips.odd.st == ST_OK)
        return st;
    *err = trips.odd;
    return trips.odd.st;
}

enum status dynamodb_pending_count(struct records *r, struct deadline d,
                                   int64_t *out, struct err *err)
{
    (void)r;
    (void)d;
    (void)err;
    *out = -1; /* only a scan of the whole table could tell */
    return ST_OK;
}

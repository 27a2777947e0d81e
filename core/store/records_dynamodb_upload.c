/*
 * records_dynamodb_upload.c - a batch stored: first its trip's record, then
 * the batch.
 *
 * The common upload is the next of a trip under way, or its first: two calls,
 * each on a condition, and nothing is read (records_dynamodb_quick.c). When one
 * of the two conditions does not hold, it goes on here with a look.
 *
 * The record is read, widened, and written back on the condition that what was
 * computed from is still there; who comes second reads again. Which numbers
 * total_batches counts stands in the record itself (`batch_numbers`), so that
 * a repeat, also one after a crash between the two steps, is not counted twice.
 *
 * A batch that replaces one needs a third step. A scoring that reads the
 * batches between the two finds as many as the record counts, with the old one
 * among them, and may end its claim; so after the batch the trip is made
 * pending once more, if it is finalized by then. (A new number needs none: that
 * scoring misses a batch, and does not end.) The consistency model found this.
 *
 * A repeat finds all its points stored, and writes nothing: whether that third
 * step is still to be taken stands in the record (`replacing`, the numbers that
 * are between the first and the third).
 */
#include "store/records_dynamodb_upload.h"

#include <assert.h>
#include "base/fault.h"
#include "base/random.h"

#define PAUSE_MOST_MS 40

/* ---- counting ---- */

struct counted {
    bool known;        /* the record has the set */
    bool has_ours;     /* this batch's number is in it */
    size_t n;          /* of the clients' numbers: what total_batches counts */
    int64_t found;     /* without the set: batches that are there */
    int64_t beside;    /* of these, beside clients' numbers */
    struct buf others; /* without the set: those found, as `"1","2"` */
    int64_t ours;
};

static enum status note_number(void *ctx, struct json item, struct arena *a,
                               struct err *err)
{
    struct counted *c = ctx;
    int64_t number;

    (void)a;
    (void)err;
    c->found++;
    if (!ddb_int(item, "batch_number", &number))
        return ST_OK;
    if (number == c->ours) {
        c->has_ours = true;
        return ST_OK;
    }
    buf_printf(&c->others, "%s\"%lld\"", c->others.n ? "," : "",
               (long long)number);
    c->n += !batch_is_beside(number);
    c->beside += batch_is_beside(number);
    return ST_OK;
}

/* A record from before the set: the batches that are there are counted. */
static enum status count_stored(struct upload *u, const struct trip *t,
                                struct counted *c, struct err *err)
{
    size_t last =
        (size_t)(t->highest_batch ? t->highest_batch : t->total_batches);
    int64_t *number = arena_alloc_n(u->arena, last + 1, sizeof *number);
    enum status st;

    for (size_t i = 0; i < last; i++)
        number[i] = (int64_t)i + 1;
    st = dynamodb_get_numbers(u->s, u->b->trip_id, number, last, "batch_number",
                              u->d, u->arena, note_number, c, err);
    /* The functions before this service, which take the set away when they
     * finalize, have counted what stands beside others, too. */
    if (st == ST_OK && c->found < t->total_batches)
        st = dynamodb_get_beside(u->s, u->b->trip_id, number, last,
                                 "batch_number", u->d, u->arena, note_number, c,
                                 err);
    return st;
}

static enum status count_batches(struct upload *u, const struct trip *t,
                                 struct counted *c, struct err *err)
{
    struct json set;

    c->known = ddb_is(u->trip, "batch_numbers", "NS", &set);
    if (!c->known)
        return count_stored(u, t, c, err);
    c->n = json_count(set) - t->n_beside;
    c->has_ours = upload_lists(u, "batch_numbers", c->ours);
    return ST_OK;
}

/* Not fewer than others have counted: the batch of one of them may be on its
 * way, and who scores must wait for it. They count what stands beside, too. */
static int64_t counted_of(const struct counted *c, const struct trip *t)
{
    bool counts = !batch_is_beside(c->ours);
    int64_t found = (int64_t)c->n + (counts && !(c->known && c->has_ours));
    int64_t counted = t->total_batches - c->beside + (counts && !c->has_ours);

    return found > counted ? found : counted;
}

static void put_count(struct ddb_expr *e, const struct counted *c,
                      const struct trip *t)
{
    struct buf set;

    ddb_set_n(e, "total_batches", counted_of(c, t));
    if (c->known) {
        ddb_add_to_set(e, "batch_numbers", c->ours);
        return;
    }
    buf_init(&set, DDB_REQUEST_MAX);
    buf_printf(&set, "{\"NS\":[\"%lld\"%s%.*s]}", (long long)c->ours,
               c->others.n ? "," : "", STR_ARG(buf_str(&c->others)));
    ddb_set_raw(e, "batch_numbers", buf_str(&set));
    buf_free(&set);
}

/* ---- the trip ---- */

static void put_new(struct ddb_expr *e, const struct upload *u)
{
    ddb_if(e, "attribute_not_exists(#trip_id)");
    ddb_set_s(e, "user_id", u->b->user_id);
    ddb_set_s(e, "status", str_of(trip_status_word(TRIP_ACTIVE)));
    ddb_set_time(e, "created_at", u->now_us);
    ddb_set_time(e, "start_timestamp", u->b->first_us);
    ddb_set_time(e, "end_timestamp", u->b->last_us);
    ddb_set_n(e, "highest_batch", u->b->number);
}

static void put_widened(struct ddb_expr *e, const struct upload *u,
                        const struct trip *t)
{
    static const char *const computed_from[] = {
        "user_id",         "status",        "total_batches", "highest_batch",
        "start_timestamp", "end_timestamp", "finalized_by"};
    const struct batch *b = u->b;
    struct trip wide = *t;

    for (size_t i = 0; i < sizeof computed_from / sizeof *computed_from; i++)
        ddb_if_unchanged(e, computed_from[i], u->trip);
    if (b->number > t->highest_batch)
        ddb_set_n(e, "highest_batch", b->number);
    if (t->status == TRIP_COMPLETED) {
        ddb_set_s(e, "analysis_status",
                  str_of(analysis_status_word(ANALYSIS_PENDING)));
        /* One that another finalized gets no revision here, or it would pass
         * for ours (rule 10). */
        if (trip_is_unclaimed(t)) {
            ddb_if_unchanged(e, "revision", u->trip);
        } else {
            ddb_if(e, "attribute_exists(#revision)");
            ddb_count_up(e, "revision");
        }
    }
    trip_widen(&wide, b);
    if (wide.start_us != t->start_us)
        ddb_set_time(e, "start_timestamp", wide.start_us);
    if (wide.end_us != t->end_us)
        ddb_set_time(e, "end_timestamp", wide.end_us);
}

static bool has_trip(const struct upload *u)
{
    return u->trip.type == JSON_OBJECT;
}

static bool upload_replaces(const struct upload *u)
{
    return u->place.how == PLACE_REPLACES;
}

static void put_trip_update(struct ddb_expr *e, const struct upload *u,
                            const struct trip *t, const struct counted *c)
{
    ddb_set_time(e, "last_updated", u->now_us);
    put_count(e, c, t);
    /* Two at once: who comes second looks again, and is told. */
    if (u->place.more.deltas || u->place.more.bytes) {
        upload_grow(e, &u->place.more);
        ddb_if(e, UPLOAD_ROOM);
    }
    /* Of a trip that another finalized no claim of ours could end wrongly. */
    if (upload_replaces(u) && !trip_is_unclaimed(t))
        ddb_add_to_set(e, "replacing", u->as.number);
    if (has_trip(u))
        put_widened(e, u, t);
    else
        put_new(e, u);
}

/* A batch that the record lists was counted by the step before a crash, or with
 * others' of its number; one that is replaced, too, when that began before. */
static bool is_grown(const struct upload *u, const struct counted *c)
{
    return upload_replaces(u) ? upload_lists(u, "replacing", u->as.number)
                              : c->known && c->has_ours;
}

/* Before anything is changed. */
static enum status find_room(struct upload *u, const struct trip *t,
                             const struct counted *c, struct err *err)
{
    if (is_grown(u, c))
        u->place.more = (struct trip_size){0, 0, 0};
    return trip_room(&t->stored, &u->place.more, err);
}

/* ST_PRECONDITION: somebody was quicker. */
static enum status update_trip(struct upload *u, struct batch_stored *out,
                               struct err *err)
{
    struct counted c = {.ours = u->as.number};
    struct trip t = {.trip_id = u->b->trip_id};
    struct ddb_expr e;
    struct ddb_reply reply;
    enum status st = ST_OK;

    buf_init(&c.others, DDB_REQUEST_MAX);
    if (has_trip(u)) {
        st = dynamodb_read_trip(u->trip, u->arena, &t, err);
        if (st == ST_OK)
            st = count_batches(u, &t, &c, err);
        if (st == ST_OK)
            st = find_room(u, &t, &c, err);
    }
    if (st == ST_OK) {
        ddb_expr_begin(&e, u->s->db.trips, "trip_id", u->b->trip_id);
        put_trip_update(&e, u, &t, &c);
        out->completed = t.status == TRIP_COMPLETED;
        st = ddb_call(&u->s->db, "UpdateItem", ddb_expr_end(&e, u->arena), u->d,
                      u->arena, &reply, err);
        out->created = out->created || (st == ST_OK && !has_trip(u));
    }
    buf_free(&c.others);
    return st;
}

/* ---- the batch ---- */

/* What was found under its number is still as found. */
static void put_condition(struct json_out *o, const struct upload *u)
{
    struct json seen =
        upload_replaces(u)
            ? json_member(u->stored.item[u->place.at], "upload_timestamp")
            : JSON_ABSENT;

    if (!upload_replaces(u)) {
        json_put_z(o, "ConditionExpression", "attribute_not_exists(batch_id)");
        return;
    }
    json_put_z(o, "ConditionExpression",
               seen.type == JSON_NONE
                   ? "user_id = :u AND attribute_not_exists(upload_timestamp)"
                   : "user_id = :u AND upload_timestamp = :t");
    json_begin_object(o, "ExpressionAttributeValues");
    ddb_put_s(o, ":u", u->b->user_id);
    if (seen.type != JSON_NONE)
        json_put_raw(o, ":t", seen.raw);
    json_end_object(o);
}

static enum status batch_body(const struct upload *u, struct str *out,
                              struct err *err)
{
    struct buf b;
    struct json_out o = {.b = &b};
    enum status st;

    buf_init(&b, DDB_REQUEST_MAX);
    json_begin_object(&o, NULL);
    json_put_z(&o, "TableName", u->s->db.batches);
    json_begin_object(&o, "Item");
    st = dynamodb_put_item(&o, &u->as, err);
    json_end_object(&o);
    put_condition(&o, u);
    json_end_object(&o);
    if (st == ST_OK && !buf_ok(&b))
        st = err_set(err, ST_TOO_LARGE, "item_too_large",
                     "batch %.*s is over the %d bytes that DynamoDB holds",
                     STR_ARG(u->b->batch_id), DDB_ITEM_MAX);
    if (st == ST_OK)
        *out = arena_copy(u->arena, buf_str(&b));
    buf_free(&b);
    return st;
}

/* ---- the third step ---- */

/* ST_PRECONDITION: the trip is not, or no longer, of that status. */
static enum status end_replacing_of(struct upload *u, bool completed,
                                    int64_t number, struct err *err)
{
    struct ddb_reply reply;
    struct ddb_expr e;

    ddb_expr_begin(&e, u->s->db.trips, "trip_id", u->b->trip_id);
    /* Without a revision it is nobody's claim that could end: what another
     * finalized is scored anyhow, and no upload may make it pass for ours. */
    ddb_if(&e, completed
                   ? "#status = :completed AND attribute_exists(#revision)"
                   : "attribute_exists(#trip_id) AND #status <> :completed");
    ddb_value_s(&e, "completed", str_of(trip_status_word(TRIP_COMPLETED)));
    ddb_take_from_set(&e, "replacing", number);
    if (completed) {
        ddb_set_time(&e, "last_updated", u->now_us);
        ddb_set_s(&e, "analysis_status",
                  str_of(analysis_status_word(ANALYSIS_PENDING)));
        ddb_count_up(&e, "revision");
    }
    return ddb_call(&u->s->db, "UpdateItem", ddb_expr_end(&e, u->arena), u->d,
                    u->arena, &reply, err);
}

/* A trip that is still under way has its finalize before it. */
static enum status end_replacing(struct upload *u, int64_t number,
                                 struct batch_stored *out, struct err *err)
{
    bool completed = out->completed;
    enum status st = end_replacing_of(u, completed, number, err);

    if (st == ST_PRECONDITION) { /* it was finalized meanwhile */
        err_clear(err);
        completed = !completed;
        st = end_replacing_of(u, completed, number, err);
    }
    if (st == ST_PRECONDITION) { /* or removed */
        err_clear(err);
        return ST_OK;
    }
    out->completed = out->completed || completed;
    return st;
}

/* ---- the upload ---- */

/* The functions before this service store batches, too, and list none. What
 * they have finalized without any list of ours, they have scored. */
static bool is_counted(const struct upload *u, const struct trip *t,
                       int64_t number)
{
    struct json set;

    if (!has_trip(u))
        return false;
    return ddb_is(u->trip, "batch_numbers", "NS", &set)
               ? upload_lists(u, "batch_numbers", number)
               : t->status == TRIP_COMPLETED;
}

/* How many stored batches of the number the record does not count, and one. */
static size_t count_uncounted(struct upload *u, const struct trip *t)
{
    size_t n = 0;

    for (size_t i = 0; i < u->stored.n; i++) {
        if (is_counted(u, t, u->stored.here[i].number))
            continue;
        u->as.number = u->stored.here[i].number;
        n++;
    }
    return n;
}

/* A repeat; of one that died before its third step, or before anybody was told
 * to score the trip, it takes up what is left. */
static enum status find_held(struct upload *u, struct batch_stored *out,
                             struct err *err)
{
    struct trip t = {.status = TRIP_ACTIVE};
    enum status st = ST_OK;
    size_t uncounted;

    if (has_trip(u))
        st = dynamodb_read_trip(u->trip, u->arena, &t, err);
    if (st == ST_OK && (uncounted = count_uncounted(u, &t))) {
        st = update_trip(u, out, err);
        return st == ST_OK && uncounted > 1 ? ST_PRECONDITION : st;
    }
    out->completed = t.status == TRIP_COMPLETED;
    for (size_t i = 0; st == ST_OK && i < u->stored.n; i++)
        if (upload_lists(u, "replacing", u->stored.here[i].number))
            return end_replacing(u, u->stored.here[i].number, out, err);
    out->completed = out->completed && t.analysis_status == ANALYSIS_PENDING;
    return st;
}

static enum status put_body(struct upload *u, struct str body, struct err *err)
{
    struct ddb_reply reply;

    if (fault_point("dynamodb.batch.between"))
        return err_set(err, ST_UNAVAILABLE, NULL, "fault point");
    return ddb_call(&u->s->db, "PutItem", body, u->d, u->arena, &reply, err);
}

static enum status put_trip_and_batch(struct upload *u,
                                      struct batch_stored *out, struct err *err)
{
    struct str body;
    /* Too large or not JSON is found out before anything is changed. */
    enum status st = batch_body(u, &body, err);

    if (st == ST_OK)
        st = update_trip(u, out, err);
    if (st == ST_OK)
        st = put_body(u, body, err);
    if (st == ST_OK && upload_replaces(u) &&
        fault_point("dynamodb.batch.replaced"))
        st = err_set(err, ST_UNAVAILABLE, NULL, "fault point");
    if (st == ST_OK && upload_replaces(u))
        st = end_replacing(u, u->as.number, out, err);
    return st;
}

/* The common one. ST_PRECONDITION: it is not, or its number is taken. */
static enum status store_unseen(struct upload *u, struct batch_stored *out,
                                struct err *err)
{
    struct str body;
    enum status st;

    u->place = batch_place(u->b, NULL, 0, u->arena);
    u->as = *u->b;
    out->kept = batch_kept_as(&u->place);
    st = batch_body(u, &body, err);
    if (st == ST_OK)
        st = upload_quick(u, out, err);
    return st == ST_OK ? put_body(u, body, err) : st;
}

/* One try; ST_PRECONDITION: what was found is not as found any more. */
static enum status upload_store(struct upload *u, struct batch_stored *out,
                                struct err *err)
{
    enum status st = upload_look(u, err);

    if (st != ST_OK)
        return st;
    out->kept = batch_kept_as(&u->place);
    return u->place.how == PLACE_HELD ? find_held(u, out, err)
                                      : put_trip_and_batch(u, out, err);
}

enum status dynamodb_batch_store(struct records *r, const struct batch *b,
                                 int64_t now_us, struct deadline d,
                                 struct batch_stored *out, struct err *err)
{
    struct upload u = {.s = dynamodb_of(r),
                       .b = b,
                       .now_us = now_us,
                       .d = d,
                       .arena = arena_new(0)};
    enum status st;

    *out = (struct batch_stored){.completed = false};
    st = store_unseen(&u, out, err);
    if (st == ST_PRECONDITION) {
        err_clear(err);
        st = upload_store(&u, out, err);
    }
    while (st == ST_PRECONDITION) {
        err_clear(err);
        u.counted = false;
        arena_reset(u.arena);
        clock_sleep_ms(random_below(PAUSE_MOST_MS));
        st = upload_store(&u, out, err);
    }
    if (st == ST_TOO_LARGE)
        st = upload_refuse(&u, err);
    arena_free(&u.arena);
    return st;
}

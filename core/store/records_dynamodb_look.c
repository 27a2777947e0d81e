/*
 * records_dynamodb_look.c - what an upload finds: the trip, and the batches of
 * its number.
 *
 * Two reads at once. The common upload has none (records_dynamodb_quick.c):
 * these are of one whose record could not be updated unseen, or whose number is
 * taken.
 */
#include "store/records_dynamodb_upload.h"

#include <assert.h>

#define BATCH_FIELDS "batch_number,user_id,deltas,upload_timestamp"

/* ---- reading both, at once ---- */

static bool next_owner(void *ctx, struct arena *a, struct str *body,
                       void **user)
{
    struct upload *u = ctx;
    struct buf b;
    struct json_out o = {.b = &b};
    bool trip = u->asked == 0;

    if (u->asked == 2)
        return false;
    u->asked++;
    buf_init(&b, 65536);
    json_begin_object(&o, NULL);
    json_put_z(&o, "TableName", trip ? u->s->db.trips : u->s->db.batches);
    json_put_bool(&o, "ConsistentRead", true);
    if (!trip)
        json_put_z(&o, "ProjectionExpression", BATCH_FIELDS);
    json_begin_object(&o, "Key");
    ddb_put_s(&o, trip ? "trip_id" : "batch_id",
              trip ? u->b->trip_id : u->b->batch_id);
    json_end_object(&o);
    json_end_object(&o);
    assert(buf_ok(&b));
    *body = arena_copy(a, buf_str(&b));
    buf_free(&b);
    *user = trip ? &u->trip : &u->batch;
    return true;
}

static enum status got_owner(void *ctx, void *user, struct json root,
                             struct arena *a, struct err *err)
{
    (void)ctx;
    (void)a;
    (void)err;
    *(struct json *)user = json_member(root, "Item");
    return ST_OK;
}

static bool is_others(const struct upload *u, struct json item)
{
    return item.type == JSON_OBJECT &&
           !str_eq(ddb_str(item, "user_id", u->arena), u->b->user_id);
}

/* ---- the batches of its number ---- */

static enum status note_batch(void *ctx, struct json item, struct arena *a,
                              struct err *err)
{
    struct upload *u = ctx;
    struct batch_items *to = &u->stored;
    struct err why = ERR_NONE; /* unreadable deltas are no text: batch_place */
    struct batch_here here = {.number = u->b->number};

    if (is_others(u, item))
        return err_set(err, ST_NOT_OWNER, NULL,
                       "batch %.*s belongs to another user",
                       STR_ARG(u->b->batch_id));
    (void)ddb_int(item, "batch_number", &here.number);
    here.deltas = ddb_json_text(item, "deltas", a, &why);
    if (why.st == ST_OK && here.deltas.n == 0)
        here.deltas = STR_LIT("[]");
    assert(to->n < to->room);
    to->here[to->n] = here;
    to->item[to->n++] = item;
    return ST_OK;
}

bool upload_lists(const struct upload *u, const char *set, int64_t number)
{
    struct json numbers, key, v;
    int64_t one;

    if (!ddb_is(u->trip, set, "NS", &numbers))
        return false;
    for (struct json_iter it = json_iter(numbers); json_next(&it, &key, &v);)
        if (str_to_i64(json_string(v, u->arena), &one) && one == number)
            return true;
    return false;
}

static void items_room(struct upload *u, size_t n)
{
    struct batch_items *to = &u->stored;
    struct batch_items more = {.n = to->n, .room = to->n + n};

    more.here = arena_alloc_n(u->arena, more.room, sizeof *more.here);
    more.item = arena_alloc_n(u->arena, more.room, sizeof *more.item);
    if (to->n) {
        memcpy(more.here, to->here, to->n * sizeof *more.here);
        memcpy(more.item, to->item, to->n * sizeof *more.item);
    }
    *to = more;
}

/* Those that the record lists; which may be gone, or not be there yet. */
static enum status get_listed(struct upload *u, struct json set,
                              struct err *err)
{
    int64_t *number =
        arena_alloc_n(u->arena, json_count(set) + 1, sizeof *number);
    struct json key, v;
    size_t n = 0;
    int64_t one;

    for (struct json_iter it = json_iter(set); json_next(&it, &key, &v);)
        if (str_to_i64(json_string(v, u->arena), &one) &&
            batch_is_beside(one) && batch_client_number(one) == u->b->number)
            number[n++] = one;
    if (n == 0)
        return ST_OK;
    items_room(u, n);
    return dynamodb_get_numbers(u->s, u->b->trip_id, number, n, BATCH_FIELDS,
                                u->d, u->arena, note_batch, u, err);
}

static enum status note_more(void *ctx, struct json item, struct arena *a,
                             struct err *err)
{
    items_room(ctx, 1);
    return note_batch(ctx, item, a, err);
}

/* ---- the place ---- */

static enum status get_stored(struct upload *u, struct err *err)
{
    struct json set;
    enum status st;

    items_room(u, 1);
    st = note_batch(u, u->batch, u->arena, err);
    if (st != ST_OK)
        return st;
    /* Under the key of its number, whatever it says of itself. */
    u->stored.here[0].number = u->b->number;
    if (ddb_is(u->trip, "batch_numbers", "NS", &set))
        return get_listed(u, set, err);
    return dynamodb_get_beside(u->s, u->b->trip_id, &u->b->number, 1,
                               BATCH_FIELDS, u->d, u->arena, note_more, u, err);
}

static enum status place_find(struct upload *u, struct err *err)
{
    enum status st = ST_OK;

    u->stored = (struct batch_items){0};
    if (u->batch.type == JSON_OBJECT)
        st = get_stored(u, err);
    if (st != ST_OK)
        return st;
    u->place = batch_place(u->b, u->stored.here, u->stored.n, u->arena);
    u->as = batch_placed(u->b, &u->place, u->arena);
    return ST_OK;
}

static enum status place_look(struct upload *u, struct err *err)
{
    enum status st;

    u->asked = 0;
    st = ddb_run(&u->s->db, "GetItem", next_owner, got_owner, u, u->d, u->arena,
                 err);
    if (st == ST_OK && is_others(u, u->trip))
        return err_set(err, ST_NOT_OWNER, NULL,
                       "trip %.*s belongs to another user",
                       STR_ARG(u->b->trip_id));
    return st == ST_OK ? place_find(u, err) : st;
}

enum status upload_look(struct upload *u, struct err *err)
{
    struct err why = ERR_NONE;
    enum status st = place_look(u, err);

    if (st != ST_NOT_OWNER || !u->counted || upload_take_back(u, &why) == ST_OK)
        return st;
    *err = why;
    return why.st;
}

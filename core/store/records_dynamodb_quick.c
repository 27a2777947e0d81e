/*
 * records_dynamodb_quick.c - the trip's record updated without having been
 * read, where a condition can say that what would be written is right.
 *
 * That is so for a trip that is not there, and for one of this user that is
 * under way, whose list has the lower numbers and not this one, and whose times
 * the batch's widen as it goes on. Everything else is refused here and goes the
 * way of records_dynamodb_upload.c: a number below the highest, a completed
 * trip, another's, and what the functions before this service began or added
 * to.
 *
 * Times are texts there, and other programs write them in more forms than one.
 * Those in UTC as time_print ends them sort as the times do ('+' sorts before
 * '.' and the digits), so the condition compares these and refuses any other.
 */
#include "store/records_dynamodb_upload.h"

#include <assert.h>

/* ---- the condition ---- */

/* Not later than the batch's, of the form DATE"T"HH:MM[:SS[.f]]"+00:00". What
 * has a "T" and no zone's name has it behind the date; a second of 60 is the
 * next one. */
#define NOT_LATER(name)                                                        \
    " AND contains(#" name ", :utc) AND contains(#" name ", :t) AND "          \
    "NOT contains(#" name ", :zone) AND NOT contains(#" name ", :leap) AND "   \
    "#" name " <= :" name

static void use_form(struct ddb_expr *e)
{
    ddb_value_s(e, "utc", STR_LIT("+00:00"));
    ddb_value_s(e, "t", STR_LIT("T"));
    ddb_value_s(e, "zone", STR_LIT("["));
    ddb_value_s(e, "leap", STR_LIT(":60"));
}

/* `replacing` and all that stands beside others stay out of it: neither is
 * there for a number that was never seen. As many are listed as are counted,
 * or more, those beside others: or else another program counted some. */
#define UNDER_WAY                                                              \
    "#user_id = :user_id AND #status = :status AND "                           \
    "attribute_type(#batch_numbers, :set) AND "                                \
    "NOT contains(#batch_numbers, :number) AND "                               \
    "size(#batch_numbers) >= #total_batches AND "                              \
    "#highest_batch < :highest_batch"

/* AND binds before OR. More parentheses say no more, and dynalite takes 50 ms
 * instead of 5 to parse them. */
static void quick_condition(struct ddb_expr *e, const struct batch *b)
{
    struct buf cond;

    buf_init(&cond, 4096);
    buf_printf(&cond, "%s", "attribute_not_exists(#trip_id) OR " UNDER_WAY);
    if (b->first_us != TIME_NONE)
        buf_printf(&cond, "%s", NOT_LATER("start_timestamp"));
    if (b->last_us != TIME_NONE)
        buf_printf(&cond, "%s", NOT_LATER("end_timestamp"));
    buf_putc(&cond, '\0');
    assert(buf_ok(&cond));
    ddb_if(e, buf_str(&cond).p);
    buf_free(&cond);
    ddb_value_s(e, "set", STR_LIT("NS"));
    ddb_value_n(e, "number", b->number);
    if (b->first_us != TIME_NONE || b->last_us != TIME_NONE)
        use_form(e);
}

/* ---- the update ---- */

static struct str update_body(const struct upload *u, struct arena *a)
{
    const struct batch *b = u->b;
    char now[TIME_TEXT_MAX], first[TIME_TEXT_MAX];
    struct ddb_expr e;

    ddb_expr_begin(&e, u->s->db.trips, "trip_id", b->trip_id);
    ddb_set_s(&e, "user_id", b->user_id);
    ddb_set_s(&e, "status", str_of(trip_status_word(TRIP_ACTIVE)));
    ddb_keep(&e, "created_at");
    ddb_value_s(&e, "created_at", time_print(u->now_us, now));
    ddb_set_time(&e, "last_updated", u->now_us);
    if (b->first_us != TIME_NONE) {
        ddb_keep(&e, "start_timestamp");
        ddb_value_s(&e, "start_timestamp", time_print(b->first_us, first));
    }
    ddb_set_time(&e, "end_timestamp", b->last_us);
    ddb_count_up(&e, "total_batches");
    ddb_set_n(&e, "highest_batch", b->number);
    ddb_add_to_set(&e, "batch_numbers", b->number);
    quick_condition(&e, b);
    e.returns = "UPDATED_OLD";
    return ddb_expr_end(&e, a);
}

static bool was_created(const struct upload *u)
{
    return json_member(u->before, "user_id").type == JSON_NONE;
}

enum status upload_quick(struct upload *u, struct batch_stored *out,
                         struct err *err)
{
    struct ddb_reply reply;
    enum status st = ddb_call(&u->s->db, "UpdateItem", update_body(u, u->arena),
                              u->d, u->arena, &reply, err);

    if (st != ST_OK)
        return st;
    u->before = json_member(reply.root, "Attributes");
    u->counted = true;
    out->created = was_created(u);
    return ST_OK;
}

/* ---- back ---- */

static void counts_back(struct ddb_expr *e, const struct upload *u,
                        const char *name)
{
    struct json was = json_member(u->before, name);

    if (was.type != JSON_NONE)
        ddb_set_raw(e, name, was.raw);
}

/* The service may remove nothing here: a record that it has made stays, with
 * nothing counted. */
static void put_back_all(struct ddb_expr *e, const struct upload *u)
{
    ddb_take_from_set(e, "batch_numbers", u->b->number);
    if (was_created(u)) {
        ddb_set_n(e, "total_batches", 0);
        ddb_set_n(e, "highest_batch", 0);
        return;
    }
    counts_back(e, u, "total_batches");
    counts_back(e, u, "highest_batch");
    counts_back(e, u, "end_timestamp");
    counts_back(e, u, "last_updated");
}

enum status upload_take_back(struct upload *u, struct err *err)
{
    char now[TIME_TEXT_MAX];
    struct ddb_reply reply;
    struct ddb_expr e;
    enum status st;

    ddb_expr_begin(&e, u->s->db.trips, "trip_id", u->b->trip_id);
    ddb_if(&e, "#user_id = :user_id AND #status = :status AND "
               "#last_updated = :now AND #highest_batch = :number AND "
               "contains(#batch_numbers, :number)");
    ddb_value_s(&e, "user_id", u->b->user_id);
    ddb_value_s(&e, "status", str_of(trip_status_word(TRIP_ACTIVE)));
    ddb_value_s(&e, "now", time_print(u->now_us, now));
    ddb_value_n(&e, "number", u->b->number);
    put_back_all(&e, u);
    u->counted = false;
    st = ddb_call(&u->s->db, "UpdateItem", ddb_expr_end(&e, u->arena), u->d,
                  u->arena, &reply, err);
    if (st != ST_PRECONDITION)
        return st;
    err_clear(err); /* somebody came since, and computed from it */
    return ST_OK;
}

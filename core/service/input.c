#include "service/input.h"

#include <assert.h>
#include "base/log.h"
#include "base/stats.h"
#include "store/keys.h"

static enum status numbers_fit(struct json v, bool in_delta, struct err *err);

/* The fields whose bad number only rejects the delta (batch.c lists it). */
static bool is_delta_field(struct json key)
{
    return json_key_is(key, "delta_lat") || json_key_is(key, "delta_long") ||
           json_key_is(key, "delta_time");
}

static enum status members_fit(struct json v, bool in_delta, struct err *err)
{
    struct json_iter it = json_iter(v);
    struct json key, item;
    enum status st;

    assert(!in_delta || v.type == JSON_OBJECT); /* else it has no keys */
    while (json_next(&it, &key, &item)) {
        if (in_delta && item.type == JSON_NUMBER && is_delta_field(key))
            continue; /* delta_issue judges it */
        if ((st = numbers_fit(item, false, err)) != ST_OK)
            return st;
    }
    return ST_OK;
}

static enum status deltas_fit(struct json deltas, struct err *err)
{
    struct json_iter it = json_iter(deltas);
    struct json key, item;
    enum status st;

    while (json_next(&it, &key, &item))
        if ((st = numbers_fit(item, true, err)) != ST_OK)
            return st;
    return ST_OK;
}

/* Depth is bounded: json_check has refused what nests deeper. */
static enum status numbers_fit(struct json v, bool in_delta, struct err *err)
{
    if (v.type == JSON_NUMBER && !json_decimal_fits(v))
        return err_set(err, ST_BAD_REQUEST, "bad_number",
                       "The number %.*s cannot be stored exactly: at most 38 "
                       "digits, between 1e-130 and 1e126",
                       (int)(v.raw.n < 40 ? v.raw.n : 40), v.raw.p);
    if (v.type == JSON_ARRAY || v.type == JSON_OBJECT)
        return members_fit(v, in_delta && v.type == JSON_OBJECT, err);
    return ST_OK;
}

static enum status body_fits(struct json root, struct err *err)
{
    struct json_iter it = json_iter(root);
    struct json key, item;
    enum status st;

    while (json_next(&it, &key, &item)) {
        st = item.type == JSON_ARRAY && json_key_is(key, "deltas")
                 ? deltas_fit(item, err)
                 : numbers_fit(item, false, err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static enum status body_check(struct str body, struct json_rows *rows,
                              struct json *root, struct err *err)
{
    enum status st = json_check_rows(body, JSON_DEPTH, rows, root, err);

    if (st != ST_OK)
        return st;
    if (root->type != JSON_OBJECT)
        return err_set(err, ST_BAD_REQUEST, "bad_json",
                       "The body must be a JSON object");
    /* Few bodies have such a number: only then it is looked for. */
    return rows->unfit_numbers ? body_fits(*root, err) : ST_OK;
}

enum status input_body(struct str body, struct json *root, struct err *err)
{
    struct json_rows none = {.row = NULL};

    return body_check(body, &none, root, err);
}

static struct json without_rows(struct json root, struct json array,
                                struct arena *a)
{
    struct str before = {root.raw.p, (size_t)(array.raw.p - root.raw.p)};
    struct str behind = {array.raw.p + array.raw.n,
                         root.raw.n - before.n - array.raw.n};

    return json_of(
        arena_printf(a, "%.*s[]%.*s", STR_ARG(before), STR_ARG(behind)));
}

enum status input_body_rows(struct str body, struct json_rows *rows,
                            struct arena *a, struct json *root, struct err *err)
{
    enum status st = body_check(body, rows, root, err);

    if (st == ST_OK && rows->array.type == JSON_ARRAY)
        *root = without_rows(*root, rows->array, a);
    return st;
}

enum status input_missing(struct arena *a, struct str names, struct err *err)
{
    enum status st = err_set(err, ST_BAD_REQUEST, "missing_fields",
                             "Missing required fields");

    err->extra =
        arena_printf(a, "\"details\":{\"missing\":[%.*s]}", STR_ARG(names));
    return st;
}

enum status input_type(struct err *err, const char *field, const char *wanted)
{
    return err_set(err, ST_BAD_REQUEST, "bad_type", "%s must be %s", field,
                   wanted);
}

static bool is_absent(struct json v)
{
    return v.type == JSON_NONE || v.type == JSON_NULL;
}

static enum status id_read(struct json v, const char *field, struct arena *a,
                           struct str *out, struct err *err)
{
    if (v.type != JSON_STRING)
        return input_type(err, field, "a string");
    *out = json_string(v, a);
    if (id_valid(*out))
        return ST_OK;
    return err_set(err, ST_BAD_REQUEST, "bad_id",
                   "%s must be 1 to %d characters of A-Z a-z 0-9 . _ @ + : = - "
                   "and not start with a dot",
                   field, ID_MAX);
}

enum status input_ids(struct json root, struct arena *a, struct str *user_id,
                      struct str *trip_id, struct err *err)
{
    struct json user = json_member(root, "user_id");
    struct json trip = json_member(root, "trip_id");
    enum status st;

    if (is_absent(user) || is_absent(trip))
        return input_missing(a,
                             !is_absent(trip)   ? STR_LIT("\"user_id\"")
                             : !is_absent(user) ? STR_LIT("\"trip_id\"")
                                                : STR_LIT("\"user_id\","
                                                          "\"trip_id\""),
                             err);
    if ((st = id_read(user, "user_id", a, user_id, err)) != ST_OK)
        return st;
    return id_read(trip, "trip_id", a, trip_id, err);
}

/* ---- times ---- */

#define TIME_EXAMPLE "a time such as 2025-12-20T14:31:34Z"

static void warn_of(struct input_warnings *w, struct str text, size_t times,
                    const char *field, struct json value)
{
    assert(w->n < INPUT_WARNINGS && times > 0);
    w->text[w->n++] = text;
    if (!w->times) {
        w->field = field;
        w->value = value.raw;
    }
    w->times += times;
}

enum status input_time(struct json root, const char *field, struct arena *a,
                       struct input_warnings *w, int64_t *us, struct err *err)
{
    struct json v = json_member(root, field);

    *us = TIME_NONE;
    if (is_absent(v))
        return ST_OK;
    if (v.type != JSON_STRING && v.type != JSON_NUMBER)
        return input_type(err, field, TIME_EXAMPLE);
    if (time_read(v, a, us))
        return ST_OK;
    *us = TIME_NONE;
    warn_of(w,
            arena_printf(a, "%s is no time and counts as absent; send %s",
                         field, TIME_EXAMPLE),
            1, field, v);
    return ST_OK;
}

void input_warn_deltas(const struct delta_counts *n, struct arena *a,
                       struct input_warnings *w)
{
    if (!n->bad_times)
        return;
    warn_of(w,
            arena_printf(a,
                         "timestamp of %zu deltas is no time and counts as "
                         "absent; send %s",
                         n->bad_times, TIME_EXAMPLE),
            n->bad_times, "timestamp", n->bad_time);
}

void input_warned(const struct input_warnings *w, struct str user_id,
                  struct str trip_id)
{
    struct log_value user, trip, value;

    if (!w->n)
        return;
    stat_add(STAT_times_unreadable, w->times);
    log_line(LOG_WARN, "times_unreadable",
             "user_id=%s trip_id=%s times=%zu first=%s value=%s",
             log_quoted(user_id, &user), log_quoted(trip_id, &trip), w->times,
             w->field, log_quoted(w->value, &value));
}

void input_put_warnings(const struct input_warnings *w, struct json_out *o)
{
    if (!w->n)
        return;
    json_begin_array(o, "warnings");
    for (size_t i = 0; i < w->n; i++)
        json_put_str(o, NULL, w->text[i]);
    json_end_array(o);
}

/* ---- others ---- */

enum status input_object(struct json root, const char *field,
                         struct json *value, struct err *err)
{
    *value = json_member(root, field);
    if (is_absent(*value))
        value->type = JSON_NONE; /* null is how older clients say nothing */
    else if (value->type != JSON_OBJECT)
        return input_type(err, field, "an object");
    return ST_OK;
}

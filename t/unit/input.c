/* What the two POST calls read out of a body, on its borders. */
#include "service/input.h"

#include "t/unit/tap.h"

static struct arena *a;
static struct err err;

static enum status body(const char *text)
{
    struct json root;

    err = ERR_NONE;
    return input_body(str_of(text), &root, &err);
}

static bool refused(const char *text, const char *code)
{
    return body(text) == ST_BAD_REQUEST && strcmp(err.code, code) == 0;
}

/* A number that no store could hold refuses the body; only those that make a
 * delta what it is refuse no more than the delta. */
static void numbers(void)
{
    CHECK(body("{\"x\":1e125,\"y\":[1,{\"z\":-1e-130}]}") == ST_OK);
    CHECK(refused("{\"x\":1e127}", "bad_number"));
    CHECK(refused("{\"x\":[[1e127]]}", "bad_number"));
    CHECK(refused("{\"x\":{\"delta_lat\":1e127}}", "bad_number"));
    CHECK(body("{\"deltas\":[{\"delta_lat\":1e127,\"delta_long\":1e127,"
               "\"delta_time\":1e127}]}") == ST_OK);
    CHECK(refused("{\"deltas\":[{\"speed_mph\":1e127}]}", "bad_number"));
    CHECK(
        refused("{\"deltas\":[{\"x\":{\"delta_lat\":1e127}}]}", "bad_number"));
    CHECK(refused("{\"deltas\":[[{\"delta_lat\":1e127}]]}", "bad_number"));
    CHECK(refused("{\"deltas\":[1e127]}", "bad_number"));
    CHECK(refused("{\"deltas\":{\"delta_lat\":1e127}}", "bad_number"));
    CHECK(
        refused("{\"x\":{\"deltas\":[{\"delta_lat\":1e127}]}}", "bad_number"));
}

static void bodies(void)
{
    CHECK(body(" {} ") == ST_OK);
    CHECK(refused("", "bad_json") && refused("{", "bad_json"));
    CHECK(refused("[]", "bad_json") && refused("7", "bad_json"));
}

/* ---- ids, times, objects ---- */

static struct json parsed(const char *text)
{
    struct json root;

    CHECK(json_check(str_of(text), JSON_DEPTH, &root, NULL) == ST_OK);
    return root;
}

static bool ids_refused(const char *text, const char *code)
{
    struct str user, trip;

    err = ERR_NONE;
    return input_ids(parsed(text), a, &user, &trip, &err) == ST_BAD_REQUEST &&
           strcmp(err.code, code) == 0;
}

static void ids(void)
{
    struct str user, trip;

    CHECK(input_ids(parsed("{\"user_id\":\"u\",\"trip_id\":\"\\u0074\"}"), a,
                    &user, &trip, &err) == ST_OK);
    CHECK(str_is(user, "u") && str_is(trip, "t"));
    CHECK(ids_refused("{\"trip_id\":\"t\"}", "missing_fields") &&
          str_is(err.extra, "\"details\":{\"missing\":[\"user_id\"]}"));
    CHECK(
        ids_refused("{\"user_id\":\"u\",\"trip_id\":null}", "missing_fields") &&
        str_is(err.extra, "\"details\":{\"missing\":[\"trip_id\"]}"));
    CHECK(ids_refused("{}", "missing_fields") &&
          str_is(err.extra,
                 "\"details\":{\"missing\":[\"user_id\",\"trip_id\"]}"));
    CHECK(ids_refused("{\"user_id\":\"u\",\"trip_id\":7}", "bad_type"));
    CHECK(ids_refused("{\"user_id\":\"u\",\"trip_id\":\".t\"}", "bad_id"));
    CHECK(ids_refused("{\"user_id\":\"\",\"trip_id\":\"t\"}", "bad_id"));
}

static struct input_warnings warnings;

static enum status time_in(const char *text, int64_t *us)
{
    *us = 1;
    warnings = (struct input_warnings){.n = 0};
    return input_time(parsed(text), "t", a, &warnings, us, &err);
}

/* A warning about it, which names it. */
static bool warned(const char *value)
{
    struct buf b;
    struct json_out o = {&b, false};
    struct json said;
    bool named;

    buf_init(&b, 1000);
    json_begin_object(&o, NULL);
    input_put_warnings(&warnings, &o);
    json_end_object(&o);
    said = json_member(json_of(buf_str(&b)), "warnings");
    named = warnings.n == 1 && warnings.times == 1 && json_count(said) == 1 &&
            strstr(arena_z(a, said.raw), "t is no time") != NULL &&
            !strcmp(warnings.field, "t") && str_is(warnings.value, value);
    buf_free(&b);
    return named;
}

static bool silent(void)
{
    struct buf b;
    struct json_out o = {&b, false};
    bool none;

    buf_init(&b, 1000);
    input_put_warnings(&warnings, &o);
    none = !warnings.n && !b.n;
    buf_free(&b);
    return none;
}

static void times(void)
{
    int64_t us;

    CHECK(time_in("{\"t\":\"1970-01-01T00:00:02Z\"}", &us) == ST_OK &&
          us == 2000000 && silent());
    CHECK(time_in("{\"t\":1766241094000}", &us) == ST_OK &&
          us == INT64_C(1766241094000000) && silent());
    CHECK(time_in("{}", &us) == ST_OK && us == TIME_NONE && silent());
    CHECK(time_in("{\"t\":null}", &us) == ST_OK && us == TIME_NONE && silent());
    CHECK(time_in("{\"t\":\"soon\"}", &us) == ST_OK && us == TIME_NONE &&
          warned("\"soon\""));
    CHECK(time_in("{\"t\":2}", &us) == ST_OK && us == TIME_NONE && warned("2"));
    CHECK(time_in("{\"t\":true}", &us) == ST_BAD_REQUEST && us == TIME_NONE);
    CHECK(silent());
}

static void delta_times(void)
{
    const struct delta_counts none = {.deltas = 3};
    const struct delta_counts two = {
        .deltas = 3, .bad_times = 2, .bad_time = parsed("\"now\"")};
    int64_t us;

    CHECK(time_in("{}", &us) == ST_OK);
    input_warn_deltas(&none, a, &warnings);
    CHECK(silent());
    input_warn_deltas(&two, a, &warnings);
    CHECK(warnings.n == 1 && warnings.times == 2);
    CHECK(str_starts(warnings.text[0], STR_LIT("timestamp of 2 deltas")));
    CHECK(str_is(warnings.value, "\"now\""));
}

static void objects(void)
{
    struct json v;

    CHECK(input_object(parsed("{\"o\":{\"a\":1}}"), "o", &v, &err) == ST_OK &&
          v.type == JSON_OBJECT);
    CHECK(input_object(parsed("{\"o\":null}"), "o", &v, &err) == ST_OK &&
          v.type == JSON_NONE);
    CHECK(input_object(parsed("{}"), "o", &v, &err) == ST_OK &&
          v.type == JSON_NONE);
    CHECK(input_object(parsed("{\"o\":[]}"), "o", &v, &err) == ST_BAD_REQUEST);
}

/* ---- rows ---- */

static void count_delta(void *ctx, struct json element)
{
    (void)element;
    ++*(int *)ctx;
}

static void pass_over(void *ctx, struct json key, struct json value)
{
    (void)ctx, (void)key, (void)value;
}

static enum status body_rows(const char *text, struct json *root, int *n)
{
    struct json_rows rows = {
        .in = "deltas", .member = pass_over, .row = count_delta, .ctx = n};

    *n = 0;
    err = ERR_NONE;
    return input_body_rows(str_of(text), &rows, a, root, &err);
}

static void rows(void)
{
    struct json root;
    int n;

    CHECK(body_rows(" { \"a\" : 1 , \"deltas\" : [ {}, 7 ] , \"b\" : [2] } ",
                    &root, &n) == ST_OK &&
          n == 2);
    CHECK(str_is(root.raw, "{ \"a\" : 1 , \"deltas\" : [] , \"b\" : [2] }"));
    CHECK(root.type == JSON_OBJECT);
    CHECK(body_rows("{\"deltas\":{\"deltas\":[1]}}", &root, &n) == ST_OK &&
          n == 0);
    CHECK(json_member(root, "deltas").type == JSON_OBJECT);
    CHECK(body_rows("{\"deltas\":[1e127]}", &root, &n) == ST_BAD_REQUEST &&
          !strcmp(err.code, "bad_number"));
    CHECK(body_rows("[[1]]", &root, &n) == ST_BAD_REQUEST &&
          !strcmp(err.code, "bad_json"));
}

int main(void)
{
    a = arena_new(4096);
    numbers();
    bodies();
    ids();
    times();
    delta_times();
    objects();
    rows();
    arena_free(&a);
    return tap_end();
}

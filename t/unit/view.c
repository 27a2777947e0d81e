/* What a reader may ask for, and the order that cursors walk. */
#include "answer/view.h"
#include "score/analysis_json.h"
#include "store/keys.h"
#include "t/unit/tap.h"

static struct arena *a;

static enum status view_of(const char *query, struct view *v, struct err *err)
{
    struct query *q = arena_alloc(a, sizeof *q);

    *err = ERR_NONE;
    if (query_parse(str_of(query), a, q, err) != ST_OK)
        return ST_INTERNAL;
    return view_parse(q, true, a, v, err);
}

static struct view without_details(const char *query)
{
    struct query *q = arena_alloc(a, sizeof *q);
    struct view v = {.limit = -1};
    struct err err = ERR_NONE;

    CHECK(query_parse(str_of(query), a, q, &err) == ST_OK);
    CHECK(view_parse(q, false, a, &v, &err) == ST_OK);
    return v;
}

static bool shows(const struct view *v, const char *name)
{
    struct fields one = fields_none();

    CHECK(fields_add(&one, &analysis_fields, str_of(name)));
    return fields_equal(fields_and(v->trips, one), one);
}

/* Left out unless they are asked for by name. */
static void details(void)
{
    static const char *const names[] = {"turn_details", "acceleration_events",
                                        "deceleration_events",
                                        "event_breakdown"};
    struct view brief = without_details("user_id=u"), v, full;
    struct err err;

    CHECK(view_of("user_id=u", &full, &err) == ST_OK);
    CHECK(view_whole(&brief) && fields_is_open(brief.trips));
    CHECK(!str_eq(view_text(&brief, a), view_text(&full, a)));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK(!shows(&brief, names[i]) && shows(&full, names[i]));
    CHECK(shows(&brief, "trip_id") && shows(&brief, "total_turns"));
    CHECK(fields_equal(fields_and(brief.trips, analysis_details()),
                       fields_none()));
    v = without_details("fields=turn_details");
    CHECK(shows(&v, "turn_details") && !shows(&v, "trip_id"));
    CHECK(!view_whole(&v));
    v = without_details("limit=5");
    CHECK(!shows(&v, "turn_details") && shows(&v, "trip_id"));
    v = without_details("view=summary");
    CHECK(view_of("view=summary", &full, &err) == ST_OK);
    CHECK(str_eq(view_text(&v, a), view_text(&full, a)));
}

static bool refused(const char *query, const char *code)
{
    struct view v;
    struct err err;

    return view_of(query, &v, &err) == ST_BAD_REQUEST &&
           strcmp(err.code, code) == 0;
}

static struct view taken(const char *query)
{
    struct view v = {.limit = -1};
    struct err err;

    CHECK(view_of(query, &v, &err) == ST_OK);
    return v;
}

static bool same(const char *x, const char *y)
{
    struct view vx = taken(x), vy = taken(y);

    return str_eq(view_text(&vx, a), view_text(&vy, a));
}

static void parameters(void)
{
    struct view v = taken("user_id=u&limit=1000");

    CHECK(v.limit == 1000 && view_paged(&v) && !view_whole(&v));
    CHECK(fields_is_all(v.front) && fields_is_all(v.trips));
    v = taken("user_id=u");
    CHECK(view_whole(&v) && !view_paged(&v) && !view_chosen(&v));
    v = taken("view=summary&limit=5&fields=trip_id");
    CHECK(v.summary && !v.limit && fields_is_empty(v.trips));
    CHECK(fields_is_all(v.front) && !view_whole(&v));
    v.trips = fields_all(); /* whatever set it has: it has no trips */
    CHECK(!view_whole(&v));
    v = taken("before=312f74");
    CHECK(view_paged(&v) && !view_whole(&v) && view_chosen(&v));
    v = taken("fields=trip_id");
    CHECK(!view_whole(&v) && !view_paged(&v) && view_chosen(&v));
    CHECK(same("fields=trip_id,behavior_score",
               "fields=behavior_score,trip_id,trip_id"));
    CHECK(!same("fields=trip_id", "fields=behavior_score"));
    CHECK(!same("limit=1", "limit=2"));
    CHECK(!same("", "view=summary"));
    /* Pages behind trips that ended together, and behind other ends. */
    CHECK(!same("limit=1&before=312f74", "limit=1&before=312f75"));
    CHECK(!same("limit=1&before=312f74", "limit=1&before=322f74"));
    CHECK(!same("limit=1&before=312f74", "limit=1"));
    CHECK(refused("view=", "bad_view"));
    CHECK(refused("view=all", "bad_view"));
    CHECK(refused("limit=0", "bad_limit"));
    CHECK(refused("limit=1001", "bad_limit"));
    CHECK(refused("limit=-1", "bad_limit"));
    CHECK(refused("limit=", "bad_limit"));
    CHECK(refused("limit=1.0", "bad_limit"));
    CHECK(refused("limit=+1", "bad_limit"));
    CHECK(refused("limit=007", "bad_limit"));
    CHECK(refused("view=summary&limit=x", "bad_limit"));
    CHECK(refused("fields=", "bad_field"));
    CHECK(refused("fields=trip_id,", "bad_field"));
    CHECK(refused("fields=trip_id,,revision", "bad_field"));
    CHECK(refused("fields=Trip_id", "bad_field"));
    CHECK(refused("fields=trip_id, revision", "bad_field"));
    CHECK(refused("before=", "bad_cursor"));
    CHECK(refused("before=zz", "bad_cursor"));
    CHECK(refused("before=3", "bad_cursor"));
    CHECK(refused("before=3131", "bad_cursor"));      /* 11 */
    CHECK(refused("before=312F74", "bad_cursor"));    /* not as we write it */
    CHECK(refused("before=312f", "bad_cursor"));      /* 1/ */
    CHECK(refused("before=312f2e", "bad_cursor"));    /* 1/. */
    CHECK(refused("before=782f74", "bad_cursor"));    /* x/t */
    CHECK(!refused("before=312f74", "bad_cursor"));   /* 1/t */
    CHECK(!refused("before=2d312f74", "bad_cursor")); /* -1/t */
}

/* Nothing behind a value is taken for a part of it. */
static void half_a_byte(void)
{
    struct query q = {.at = {{STR_LIT("before"), {"312f7474", 7}}}, .n = 1};
    struct view v;

    CHECK(view_parse(&q, true, a, &v, NULL) == ST_BAD_REQUEST);
    q.at[0].value.n = 8;
    CHECK(view_parse(&q, true, a, &v, NULL) == ST_OK &&
          str_is(v.trip_id, "tt"));
}

/* The longest that an answer gives is taken; none that is far longer is read,
 * were it zeros before the number. */
static void long_cursors(void)
{
    struct summary_row longest = {.figures = {.end_us = INT64_MIN + 1}};
    char id[ID_MAX + 1], text[2 * 400] = "before=";
    struct view v;
    struct err err;

    memset(id, 'x', ID_MAX);
    longest.trip_id = (struct str){id, ID_MAX};
    CHECK(view_of(arena_z(a, arena_printf(a, "before=%.*s",
                                          STR_ARG(view_cursor(&longest, a)))),
                  &v, &err) == ST_OK);
    CHECK(str_eq(v.trip_id, longest.trip_id));
    for (int i = 0; i < 300; i++)
        strcat(text, "30");
    strcat(text, "312f74");
    CHECK(refused(text, "bad_cursor"));
}

static struct summary_row row(const char *id, int64_t end_us)
{
    return (struct summary_row){.trip_id = str_of(id),
                                .figures = {.end_us = end_us}};
}

static void cursors(void)
{
    struct summary_row here = row("trip_b+c@x", 1766241094000000);
    struct summary_row older = row("trip_z", 1766241093999999);
    struct summary_row newer = row("trip_a", 1766241094000001);
    struct summary_row tie_before = row("trip_a", here.figures.end_us);
    struct summary_row tie_behind = row("trip_c", here.figures.end_us);
    struct str cursor = view_cursor(&here, a);
    struct view v;
    struct err err;

    CHECK(view_of(arena_z(a, arena_printf(a, "before=%.*s", STR_ARG(cursor))),
                  &v, &err) == ST_OK);
    CHECK(v.end_us == here.figures.end_us && str_is(v.trip_id, "trip_b+c@x"));
    CHECK(!view_behind(&v, &here) && !view_behind(&v, &newer));
    CHECK(!view_behind(&v, &tie_before));
    CHECK(view_behind(&v, &tie_behind) && view_behind(&v, &older));
    v = taken("");
    CHECK(view_behind(&v, &newer));
}

/* The table against what is written: every member of either kind of analysis
 * is in it, in the same order, and nothing else. */
static void table(void)
{
    const struct field_table *t = &analysis_fields;
    struct analysis_head head = {.trip_id = STR_LIT("t"),
                                 .by_service = true,
                                 .version = SCORE_3_1,
                                 .zone = "UTC"};
    struct analysis some = {.industry_rating = "",
                            .behavior_category = "",
                            .data_quality = "",
                            .data_source = "",
                            .coordinate_format = "",
                            .has_per_hour = true,
                            .has_turn_details = true};
    bool seen[FIELDS_MAX] = {false};

    for (int k = 0; k < 2; k++) {
        struct buf b;
        struct json_out o = {.b = &b};
        struct json root, key, value;
        struct json_iter it;
        size_t at = 0;
        bool ordered = true;

        buf_init(&b, 100000);
        some.stationary = k;
        analysis_write(&head, &some, a, &o);
        CHECK(json_check(buf_str(&b), 9, &root, NULL) == ST_OK);
        for (it = json_iter(root); json_next(&it, &key, &value);) {
            while (at < t->n && !json_key_is(key, t->name[at]))
                at++;
            ordered = ordered && at < t->n;
            if (ordered)
                seen[at] = true;
        }
        CHECK(ordered);
        buf_free(&b);
    }
    for (size_t i = 0; i < t->n; i++)
        tap_ok(seen[i], "an analysis has %s", t->name[i]);
}

int main(void)
{
    a = arena_new(4096);
    parameters();
    details();
    half_a_byte();
    long_cursors();
    cursors();
    table();
    arena_free(&a);
    return tap_end();
}

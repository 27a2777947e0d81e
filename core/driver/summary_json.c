#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include "base/gzip.h"
#include "base/gzip_bundle.h"
#include "base/json.h"
#include "driver/summary.h"

/* Quick to write on every finalize; the rows are mostly digits. */
#define FRONT_LEVEL 1
#define BACK STR_LIT("]}")

/* Source of each figure: the analysis field of the same name. */
enum kind { TEXT, TAG, WHOLE, REAL, FLAG };

#define ROW(member) offsetof(struct summary_row, member)
#define FIG(member) offsetof(struct summary_row, figures.member)

static const struct column {
    const char *name;
    enum kind kind;
    size_t at;
} columns[] = {
    {"trip_id", TEXT, ROW(trip_id)},
    {"end_ms", WHOLE, ROW(end_ms)},
    {"etag", TAG, ROW(etag)},
    {"size", WHOLE, ROW(size)},
    {"length", WHOLE, ROW(length)},
    {"crc", WHOLE, ROW(crc)},
    {"deflate", WHOLE, ROW(deflate)},
    {"revision", WHOLE, ROW(revision)},
    {"modified_us", WHOLE, ROW(modified_us)},
    {"pack", WHOLE, ROW(pack)},
    {"start_us", WHOLE, FIG(start_us)},
    {"end_us", WHOLE, FIG(end_us)},
    {"total_distance_miles", REAL, FIG(distance_miles)},
    {"duration_minutes", REAL, FIG(duration_minutes)},
    {"moving_time_minutes", REAL, FIG(moving_minutes)},
    {"stationary_time_minutes", REAL, FIG(stationary_minutes)},
    {"behavior_score", REAL, FIG(behavior_score)},
    {"speed_consistency", REAL, FIG(speed_consistency)},
    {"smoothness_score", REAL, FIG(smoothness)},
    {"frequency_score", REAL, FIG(frequency_score)},
    {"turn_safety_score", REAL, FIG(turn_safety)},
    {"weighted_events_per_100_miles", REAL, FIG(weighted_per_100)},
    {"max_speed_mph", REAL, FIG(max_speed_mph)},
    {"total_harsh_events", WHOLE, FIG(harsh_events)},
    {"total_dangerous_events", WHOLE, FIG(dangerous_events)},
    {"sudden_accelerations", WHOLE, FIG(sudden_accelerations)},
    {"sudden_decelerations", WHOLE, FIG(sudden_decelerations)},
    {"hard_stops", WHOLE, FIG(hard_stops)},
    {"total_turns", WHOLE, FIG(turns)},
    {"safe_turns", WHOLE, FIG(safe_turns)},
    {"dangerous_turns", WHOLE, FIG(dangerous_turns)},
    {"context", TEXT, FIG(context)},
    {"privacy_protected", FLAG, FIG(privacy_protected)},
};
#define N_COLUMNS (sizeof columns / sizeof columns[0])

static void print_cell(const struct column *col, const struct summary_row *row,
                       struct json_out *o)
{
    const void *at = (const char *)row + col->at;
    int64_t whole;

    switch (col->kind) {
    case TEXT:
        json_put_str(o, NULL, *(const struct str *)at);
        break;
    case TAG:
        json_put_z(o, NULL, ((const struct etag *)at)->z);
        break;
    case WHOLE:
        whole = *(const int64_t *)at;
        if (whole == TIME_NONE)
            json_put_null(o, NULL);
        else
            json_put_int(o, NULL, whole);
        break;
    case REAL:
        json_put_double(o, NULL, *(const double *)at);
        break;
    case FLAG:
        json_put_bool(o, NULL, *(const bool *)at);
        break;
    }
}

static int newest_start_first(const void *pa, const void *pb)
{
    const struct summary_row *a = *(struct summary_row *const *)pa;
    const struct summary_row *b = *(struct summary_row *const *)pb;

    if (a->figures.start_us != b->figures.start_us)
        return a->figures.start_us > b->figures.start_us ? -1 : 1;
    if (a->figures.end_us != b->figures.end_us)
        return a->figures.end_us > b->figures.end_us ? -1 : 1;
    return str_cmp(a->trip_id, b->trip_id);
}

struct aggregate summary_aggregate(struct summary_row **rows, size_t n,
                                   struct arena *a)
{
    const struct trip_figures **figures = arena_alloc_n(a, n, sizeof *figures);

    qsort(rows, n, sizeof *rows, newest_start_first);
    for (size_t i = 0; i < n; i++)
        figures[i] = &rows[i]->figures;
    return aggregate_of(figures, n, a);
}

static void print_aggregate(const struct summary *s, struct arena *a,
                            struct json_out *o)
{
    struct summary_row **rows = arena_alloc_n(a, s->n, sizeof *rows);
    struct aggregate g;

    for (size_t i = 0; i < s->n; i++)
        rows[i] = &s->row[i];
    g = summary_aggregate(rows, s->n, a);
    json_begin_object(o, "aggregate");
    aggregate_write(&g, a, o);
    json_end_object(o);
}

/* As far as the bracket behind which the analyses follow. */
static void print_front(const struct summary *s, struct str user_id,
                        int64_t now_us, const bool *here, struct arena *a,
                        struct buf *front)
{
    struct json_out o = {.b = front};
    char now[TIME_TEXT_MAX];

    json_begin_object(&o, NULL);
    json_put_int(&o, "format", SUMMARY_FORMAT);
    json_put_str(&o, "user_id", user_id);
    json_put_str(&o, "updated_at", time_print(now_us, now));
    if (s->n)
        print_aggregate(s, a, &o);
    json_begin_array(&o, "columns");
    for (size_t i = 0; i < N_COLUMNS; i++)
        json_put_z(&o, NULL, columns[i].name);
    json_end_array(&o);
    json_begin_array(&o, "trips");
    for (size_t i = 0; i < s->n; i++) {
        struct summary_row row = s->row[i];

        if (here[i])
            row.pack = PACK_HERE;
        json_begin_array(&o, NULL);
        for (size_t k = 0; k < N_COLUMNS; k++)
            print_cell(&columns[k], &row, &o);
        json_end_array(&o);
    }
    json_end_array(&o);
    json_begin_array(&o, "recent");
}

static int latest_end_first(const void *pa, const void *pb)
{
    const struct summary_row *a = *(const struct summary_row *const *)pa;
    const struct summary_row *b = *(const struct summary_row *const *)pb;

    return (a->end_ms < b->end_ms) - (a->end_ms > b->end_ms);
}

/* Of which rows the fragments go in, as flags by the row's place. */
static const bool *choose_recent(const struct summary *s, struct arena *a)
{
    const struct summary_row **loose =
        arena_alloc_n(a, s->n + 1, sizeof *loose);
    bool *here = arena_alloc_n(a, s->n + 1, sizeof *here);
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->row[i].pack == PACK_NONE && s->row[i].fragment.n &&
            s->row[i].fragment.n <= SUMMARY_RECENT_TEXT)
            loose[n++] = &s->row[i];
    if (n > SUMMARY_RECENT_MAX)
        qsort(loose, n, sizeof *loose, latest_end_first);
    for (size_t i = 0; i < n && i < SUMMARY_RECENT_MAX; i++)
        here[loose[i] - s->row] = true;
    return here;
}

void summary_print(const struct summary *s, struct str user_id, int64_t now_us,
                   struct arena *a, struct buf *out)
{
    const bool *here = choose_recent(s, a);
    struct gzip_bundle b;
    struct buf front;

    buf_init(&front, SUMMARY_JSON_MAX);
    print_front(s, user_id, now_us, here, a, &front);
    out->failed = out->failed || !buf_ok(&front);
    gzip_bundle_begin(&b, out, buf_str(&front), FRONT_LEVEL);
    buf_free(&front);
    for (size_t i = 0; i < s->n; i++) {
        struct gzip_sum sum = summary_row_sum(&s->row[i]);

        if (!here[i])
            continue;
        assert(s->row[i].fragment.n == (size_t)s->row[i].deflate);
        gzip_bundle_item(&b, s->row[i].fragment, &sum);
    }
    gzip_bundle_end(&b, BACK);
}

static bool parse_cell(const struct column *col, struct json v, struct arena *a,
                       struct summary_row *row)
{
    void *at = (char *)row + col->at;
    struct str text;

    switch (col->kind) {
    case TEXT:
        *(struct str *)at = json_string(v, a);
        return v.type == JSON_STRING;
    case TAG:
        text = json_string(v, a);
        if (v.type != JSON_STRING || text.n > ETAG_MAX)
            return false;
        memcpy(((struct etag *)at)->z, text.p, text.n);
        return true;
    case WHOLE:
        if (v.type == JSON_NULL) {
            *(int64_t *)at = TIME_NONE;
            return true;
        }
        return json_int(v, at);
    case REAL:
        return json_double(v, at);
    case FLAG:
        *(bool *)at = v.type == JSON_TRUE;
        return v.type == JSON_TRUE || v.type == JSON_FALSE;
    }
    return false;
}

static bool parse_row(struct json v, struct arena *a, struct summary_row *row)
{
    struct json_iter it = json_iter(v);
    struct json key, cell;
    size_t k = 0;

    for (; json_next(&it, &key, &cell); k++)
        if (k == N_COLUMNS || !parse_cell(&columns[k], cell, a, row))
            return false;
    return k == N_COLUMNS;
}

static bool same_columns(struct json v, struct arena *a)
{
    struct json_iter it = json_iter(v);
    struct json key, name;
    size_t k = 0;

    for (; json_next(&it, &key, &name); k++)
        if (k == N_COLUMNS || !str_is(json_string(name, a), columns[k].name))
            return false;
    return k == N_COLUMNS;
}

static enum status not_a_summary(struct err *err, const char *why)
{
    return err_set(err, ST_CORRUPT, NULL, "not a summary: %s", why);
}

static enum status parse_text(struct str text, struct arena *a,
                              struct summary *out, struct err *err)
{
    struct json root, v, key;
    struct json_iter it;
    int64_t format;

    if (json_check(text, JSON_DEPTH, &root, err) != ST_OK)
        return not_a_summary(err, "not JSON");
    if (!json_int(json_member(root, "format"), &format))
        return not_a_summary(err, "no format number");
    if (format > SUMMARY_FORMAT) {
        out->newer = true;
        return ST_OK;
    }
    if (!same_columns(json_member(root, "columns"), a))
        return not_a_summary(err, "other columns");
    v = json_member(root, "trips");
    out->row = arena_alloc_n(a, json_count(v) + 1, sizeof *out->row);
    it = json_iter(v);
    for (out->n = 0; json_next(&it, &key, &v); out->n++) {
        struct summary_row *row = &out->row[out->n];

        if (!parse_row(v, a, row) || row->pack < PACK_HERE)
            return not_a_summary(err, "a row is not as its columns say");
        if (out->n && str_cmp(row[-1].trip_id, row->trip_id) >= 0)
            return not_a_summary(err, "its rows are not sorted");
    }
    return ST_OK;
}

/* The fragments that are there; u NULL: none are. */
static enum status take_recent(struct summary *s, struct gzip_unbundle *u,
                               struct arena *a, struct err *err)
{
    for (size_t i = 0; i < s->n; i++) {
        struct summary_row *row = &s->row[i];
        struct gzip_sum sum = summary_row_sum(row);

        if (row->pack != PACK_HERE)
            continue;
        row->pack = PACK_NONE;
        if (!u)
            continue;
        if (!gzip_unbundle_item(u, (size_t)row->deflate, &sum, &row->fragment))
            return not_a_summary(err, "an analysis is not as its row says");
        row->fragment = arena_copy(a, row->fragment);
    }
    return u ? gzip_unbundle_end(u, BACK, err) : ST_OK;
}

enum status summary_parse(struct str body, struct arena *a, struct summary *out,
                          struct err *err)
{
    bool bundle = gzip_is_bundle(body);
    struct gzip_unbundle u;
    struct buf text;
    enum status st;

    buf_init(&text, SUMMARY_JSON_MAX);
    if (bundle) {
        st = gzip_unbundle(body, &text, &u, err);
        buf_put(&text, BACK);
    } else {
        st = gzip_unpack(body, &text, err);
    }
    if (st == ST_OK)
        st = parse_text(arena_copy(a, buf_str(&text)), a, out, err);
    buf_free(&text);
    if (st != ST_OK || out->newer)
        return st;
    return take_recent(out, bundle ? &u : NULL, a, err);
}

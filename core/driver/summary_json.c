#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include "base/gzip.h"
#include "base/gzip_bundle.h"
#include "base/json.h"
#include "base/rows.h"
#include "driver/summary.h"
#include "driver/trip_object.h"
#include "score/analysis_json.h"

/* Quick to write on every finalize; the rows are mostly digits. */
#define FRONT_LEVEL 1
#define BACK STR_LIT("]}")

#define ROW(name, kind, member) COLUMN(struct summary_row, name, kind, member)

/* Cells of figures (aggregate.h). */
#define CELL_COUNT CELL_WHOLE
#define CELL_CONTEXT CELL_TEXT
#define CELL_NAME CELL_TEXT

static const struct column columns[] = {
    ROW("trip_id", CELL_TEXT, trip_id),
    ROW("end_ms", CELL_WHOLE, end_ms),
    ROW("etag", CELL_CHARS, etag.z),
    ROW("size", CELL_WHOLE, size),
    ROW("length", CELL_WHOLE, length),
    ROW("crc", CELL_WHOLE, crc),
    ROW("deflate", CELL_WHOLE, deflate),
    ROW("revision", CELL_WHOLE, revision),
    ROW("modified_us", CELL_TIME, modified_us),
    ROW("pack", CELL_WHOLE, pack),
#define FIGURE(column, field, kind, member)                                    \
    ROW(#column, CELL_##kind, figures.member),
#include "score/figures.def"
#undef FIGURE
};
static const struct rows table = ROWS_OF(columns);

/* The columns before this one say which object the row is of, and where its
 * text is: without them it is no row. */
#define FIRST_FIGURE 10

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

    assert(n > 0);
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

static bool has_all_figures(const struct summary *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (summary_row_lacks(&s->row[i]))
            return false;
    return true;
}

/* Columns that are not ours are null in rows that are. */
static void print_rows(const struct summary *s, const bool *here,
                       struct arena *a, struct json_out *o)
{
    struct row_rest ours = {
        .other = arena_alloc_n(a, s->others + 1, sizeof *ours.other)};
    struct rows t = table;

    t.other = s->other;
    t.others = s->others;
    for (size_t i = 0; i < s->others; i++)
        ours.other[i] = STR_LIT("null");
    rows_put_columns(&t, o);
    json_begin_array(o, "trips");
    for (size_t i = 0; i < s->n; i++) {
        struct summary_row row = s->row[i];

        if (here[i])
            row.pack = PACK_HERE;
        rows_put_row(&t, &row, row.rest ? row.rest : &ours, o);
    }
    json_end_array(o);
}

/* As far as the bracket behind which the analyses follow. */
static void print_summary_front(const struct summary *s, struct str user_id,
                                int64_t now_us, const bool *here,
                                struct arena *a, struct buf *front)
{
    struct json_out o = {.b = front};
    char now[TIME_TEXT_MAX];

    json_begin_object(&o, NULL);
    json_put_int(&o, "format", SUMMARY_FORMAT);
    json_put_str(&o, "user_id", user_id);
    json_put_str(&o, "updated_at", time_print(now_us, now));
    /* An aggregate over trips that are not known wholly would be invented
     * (rule 9). */
    if (s->n && has_all_figures(s))
        print_aggregate(s, a, &o);
    print_rows(s, here, a, &o);
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
    /* Only then: nearly always there is room, and any order does. */
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
    print_summary_front(s, user_id, now_us, here, a, &front);
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

/* An object that anybody may have written is no place for beliefs: what is
 * summed, made room for or asked of another layer is looked at once, here. */
static bool row_is_sound(const struct summary_row *row)
{
    return row->pack >= PACK_HERE && row->size >= 0 && row->length >= 0 &&
           row->length <= (int64_t)TRIP_JSON_MAX && row->crc >= 0 &&
           row->crc <= UINT32_MAX && row->deflate >= 0 && row->revision >= 0 &&
           row->revision <= TRIP_MAX_REVISION &&
           analysis_figures_sound(&row->figures);
}

static enum status not_a_summary(struct err *err, const char *why)
{
    return err_set(err, ST_CORRUPT, NULL, "not a summary: %s", why);
}

/* False when it lacks more than figures. */
static bool parse_row(const struct rows *t, struct json line, struct arena *a,
                      struct summary_row *out)
{
    struct row_rest rest, *kept;

    if (!rows_read(t, line, a, out, &rest) || !row_is_sound(out))
        return false;
    for (size_t k = 0; rest.gaps && k < FIRST_FIGURE; k++)
        if (row_lacks(&rest, k))
            return false;
    if (!rest.gaps && !t->others)
        return true;
    kept = arena_alloc(a, sizeof *kept);
    *kept = rest;
    out->rest = kept;
    return true;
}

static enum status parse_rows(struct json root, struct arena *a,
                              struct summary *out, struct err *err)
{
    struct json v = json_member(root, "trips"), key;
    struct json_iter it = json_iter(v);
    struct rows t;

    assert(columns[FIRST_FIGURE - 1].at == offsetof(struct summary_row, pack));
    if (!rows_open(json_member(root, "columns"), &table, a, &t))
        return not_a_summary(err, "no columns");
    out->other = t.other;
    out->others = t.others;
    out->row = arena_alloc_n(a, json_count(v) + 1, sizeof *out->row);
    for (out->n = 0; json_next(&it, &key, &v); out->n++) {
        struct summary_row *row = &out->row[out->n];

        if (!parse_row(&t, v, a, row))
            return not_a_summary(err, "a row is not as its columns say");
        /* summary_find searches them; a trip that is in it twice would have two
         * rows, of which only one is ever replaced. */
        if (out->n && str_cmp(row[-1].trip_id, row->trip_id) >= 0)
            return not_a_summary(err, "its rows are not sorted");
    }
    return ST_OK;
}

static enum status parse_text(struct str text, struct arena *a,
                              struct summary *out, struct err *err)
{
    struct json root;
    int64_t format;

    if (json_check(text, JSON_DEPTH, &root, err) != ST_OK)
        return not_a_summary(err, "not JSON");
    if (!json_int(json_member(root, "format"), &format))
        return not_a_summary(err, "no format number");
    out->user_id = json_string(json_member(root, "user_id"), a);
    out->state = format > SUMMARY_FORMAT ? SUMMARY_NEWER : SUMMARY_READ;
    return out->state == SUMMARY_NEWER ? ST_OK : parse_rows(root, a, out, err);
}

/* The fragments that are there; u NULL: none are. */
static enum status read_recent(struct summary *s, struct gzip_unbundle *u,
                               struct arena *a, struct err *err)
{
    for (size_t i = 0; i < s->n; i++) {
        struct summary_row *row = &s->row[i];
        struct gzip_sum sum = summary_row_sum(row);

        if (row->pack != PACK_HERE)
            continue;
        /* Where the text lay is no business of whoever has it in memory. */
        row->pack = PACK_NONE;
        if (!u)
            continue;
        if (!gzip_unbundle_item(u, (size_t)row->deflate, &sum, &row->fragment))
            return not_a_summary(err, "an analysis is not as its row says");
        row->fragment = arena_copy(a, row->fragment); /* of the body till now */
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
    if (st != ST_OK || out->state != SUMMARY_READ)
        return st;
    return read_recent(out, bundle ? &u : NULL, a, err);
}

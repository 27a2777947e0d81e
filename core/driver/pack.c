#include "driver/pack.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include "base/gzip_bundle.h"
#include "base/isotime.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rows.h"
#include "base/stats.h"

#define PACK_FORMAT 1
/* A line of the index is some 200 bytes, with ids at their longest 400: the
 * PACKING_TRIPS of a pack need a tenth of this. */
#define FRONT_MAX ((size_t)1024 * 1024)
#define FRONT_LEVEL 6 /* written rarely, read often */
#define BACK STR_LIT("]}")

struct pack_line { /* of the index */
    struct str trip_id;
    int64_t end_ms;
    struct etag etag;
    int64_t length, crc, deflate;
};

#define LINE(name, kind, member) COLUMN(struct pack_line, name, kind, member)

static const struct column columns[] = {
    LINE("trip_id", CELL_TEXT, trip_id), LINE("end_ms", CELL_WHOLE, end_ms),
    LINE("etag", CELL_CHARS, etag.z),    LINE("length", CELL_WHOLE, length),
    LINE("crc", CELL_WHOLE, crc),        LINE("deflate", CELL_WHOLE, deflate),
};
static const struct rows table = ROWS_OF(columns);

/* ---- writing ---- */

static void print_line(const struct pack_entry *e, struct json_out *o)
{
    struct pack_line line = {.trip_id = e->trip_id,
                             .end_ms = e->end_ms,
                             .etag = e->etag,
                             .length = (int64_t)e->text.sum.length,
                             .crc = e->text.sum.crc,
                             .deflate = (int64_t)e->text.deflate.n};

    assert(e->text.deflate.n);
    rows_put_row(&table, &line, NULL, o);
}

/* As far as the bracket behind which the analyses follow. */
static void print_pack_front(const struct pack_entry *entry, size_t n,
                             struct str user_id, struct buf *front)
{
    struct json_out o = {.b = front};

    json_begin_object(&o, NULL);
    json_put_int(&o, "format", PACK_FORMAT);
    json_put_str(&o, "user_id", user_id);
    rows_put_columns(&table, &o);
    json_begin_array(&o, "trips");
    for (size_t i = 0; i < n; i++)
        print_line(&entry[i], &o);
    json_end_array(&o);
    json_begin_array(&o, "analyses");
}

void pack_print(const struct pack_entry *entry, size_t n, struct str user_id,
                struct buf *out)
{
    struct gzip_bundle b;
    struct buf front;

    buf_init(&front, FRONT_MAX);
    print_pack_front(entry, n, user_id, &front);
    /* What is cut off must not look like a pack that found room. */
    out->failed = out->failed || !buf_ok(&front);
    gzip_bundle_begin(&b, out, buf_str(&front), FRONT_LEVEL);
    for (size_t i = 0; i < n; i++)
        gzip_bundle_item(&b, entry[i].text.deflate, &entry[i].text.sum);
    gzip_bundle_end(&b, BACK);
    buf_free(&front);
}

/* ---- reading ---- */

static enum status not_a_pack(struct err *err, const char *why)
{
    return err_set(err, ST_CORRUPT, NULL, "not a pack: %s", why);
}

/* From 0 to max. */
static bool count_fits(int64_t n, uint64_t max)
{
    return n >= 0 && (uint64_t)n <= max;
}

/* One line of the index, and its fragment behind that of the one before. */
static bool parse_line(const struct rows *rows, struct json v, struct arena *a,
                       struct gzip_unbundle *u, struct pack_entry *e)
{
    struct pack_line line = {.end_ms = 0};
    struct row_rest rest;

    /* The numbers come from a file: what would wrap when it is cast below
     * would point beyond the body. */
    if (!rows_read(rows, v, a, &line, &rest) || rest.gaps ||
        line.end_ms == TIME_NONE || !line.etag.z[0] ||
        !count_fits(line.length, TRIP_JSON_MAX) ||
        !count_fits(line.crc, UINT32_MAX) ||
        !count_fits(line.deflate, PACK_MAX))
        return false;
    *e = (struct pack_entry){
        .trip_id = line.trip_id, .end_ms = line.end_ms, .etag = line.etag};
    e->text.sum = (struct gzip_sum){(uint32_t)line.crc, (uint64_t)line.length};
    return gzip_unbundle_item(u, (size_t)line.deflate, &e->text.sum,
                              &e->text.deflate);
}

static int entry_by_trip(const void *a, const void *b)
{
    return str_cmp(((const struct pack_entry *)a)->trip_id,
                   ((const struct pack_entry *)b)->trip_id);
}

static enum status parse_lines(const struct rows *rows, struct json v,
                               struct arena *a, struct gzip_unbundle *u,
                               struct pack *out, struct err *err)
{
    struct json_iter it = json_iter(v);
    struct json key, line;

    out->entry = arena_alloc_n(a, json_count(v) + 1, sizeof *out->entry);
    for (out->n = 0; json_next(&it, &key, &line); out->n++)
        if (!parse_line(rows, line, a, u, &out->entry[out->n]))
            return not_a_pack(err, "a line of its index is wrong");
    /* pack_find searches it; the writer's order was that of the end times. */
    if (out->n)
        qsort(out->entry, out->n, sizeof *out->entry, entry_by_trip);
    for (size_t i = 1; i < out->n; i++)
        if (str_eq(out->entry[i - 1].trip_id, out->entry[i].trip_id))
            return not_a_pack(err, "a trip is in it twice");
    /* Bytes behind the last fragment would be texts that no line answers for.
     */
    return gzip_unbundle_end(u, BACK, err);
}

/* text: the front, with the back that closes it. */
static enum status parse_front(struct str text, struct gzip_unbundle *u,
                               struct arena *a, struct pack *out,
                               struct err *err)
{
    struct json root;
    struct rows rows;
    int64_t format;

    if (json_check(text, JSON_DEPTH, &root, err) != ST_OK)
        return not_a_pack(err, "not JSON");
    if (!json_int(json_member(root, "format"), &format) ||
        format != PACK_FORMAT ||
        !rows_open(json_member(root, "columns"), &table, a, &rows) ||
        !rows.same || !str_is(json_member(root, "analyses").raw, "[]"))
        return not_a_pack(err, "another format");
    out->user_id = json_string(json_member(root, "user_id"), a);
    return parse_lines(&rows, json_member(root, "trips"), a, u, out, err);
}

enum status pack_open(struct str body, struct arena *a, struct pack *out,
                      struct err *err)
{
    struct gzip_unbundle u;
    struct buf front;
    enum status st;

    *out = (struct pack){.n = 0};
    buf_init(&front, FRONT_MAX);
    st = gzip_unbundle(body, &front, &u, err);
    buf_put(&front, BACK);
    if (st == ST_TOO_LARGE || (st == ST_OK && !buf_ok(&front)))
        st = not_a_pack(err, "its index is too large");
    if (st == ST_OK)
        st = parse_front(arena_copy(a, buf_str(&front)), &u, a, out, err);
    buf_free(&front);
    /* Callers go on with what it has, which is nothing (texts.c). */
    if (st != ST_OK)
        out->n = 0;
    return st;
}

static int entry_of_trip(const void *trip_id, const void *entry)
{
    return str_cmp(*(const struct str *)trip_id,
                   ((const struct pack_entry *)entry)->trip_id);
}

const struct pack_entry *pack_find(const struct pack *p,
                                   const struct summary_row *row)
{
    const struct pack_entry *e;

    if (!p->n)
        return NULL;
    assert(p->entry);
    e = bsearch(&row->trip_id, p->entry, p->n, sizeof *e, entry_of_trip);
    return e && summary_row_is_of(row, e->end_ms, &e->etag) &&
                   summary_row_has_text(row, &e->text.sum, e->text.deflate.n)
               ? e
               : NULL;
}

void pack_unusable(struct str key, const struct err *why)
{
    stat_add(STAT_packs_unusable, 1);
    log_err_of(LOG_WARN, "pack_unusable", "key", key, why);
}

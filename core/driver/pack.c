#include "driver/pack.h"

#include <stdlib.h>
#include "base/gzip_bundle.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stats.h"

#define PACK_FORMAT 1
#define FRONT_MAX ((size_t)1024 * 1024)
#define FRONT_LEVEL 6 /* written rarely, read often */
#define BACK STR_LIT("]}")

static const char *const columns[] = {"trip_id", "end_ms", "etag",
                                      "length",  "crc",    "deflate"};
#define N_COLUMNS (sizeof columns / sizeof columns[0])

/* ---- writing ---- */

static void print_entry(const struct pack_entry *e, struct json_out *o)
{
    json_begin_array(o, NULL);
    json_put_str(o, NULL, e->trip_id);
    json_put_int(o, NULL, e->end_ms);
    json_put_z(o, NULL, e->etag.z);
    json_put_int(o, NULL, (int64_t)e->text.sum.length);
    json_put_int(o, NULL, e->text.sum.crc);
    json_put_int(o, NULL, (int64_t)e->text.deflate.n);
    json_end_array(o);
}

/* As far as the bracket behind which the analyses follow. */
static void print_front(const struct pack_entry *entry, size_t n,
                        struct str user_id, struct buf *front)
{
    struct json_out o = {.b = front};

    json_begin_object(&o, NULL);
    json_put_int(&o, "format", PACK_FORMAT);
    json_put_str(&o, "user_id", user_id);
    json_begin_array(&o, "columns");
    for (size_t k = 0; k < N_COLUMNS; k++)
        json_put_z(&o, NULL, columns[k]);
    json_end_array(&o);
    json_begin_array(&o, "trips");
    for (size_t i = 0; i < n; i++)
        print_entry(&entry[i], &o);
    json_end_array(&o);
    json_begin_array(&o, "analyses");
}

void pack_print(const struct pack_entry *entry, size_t n, struct str user_id,
                struct buf *out)
{
    struct gzip_bundle b;
    struct buf front;

    buf_init(&front, FRONT_MAX);
    print_front(entry, n, user_id, &front);
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

static bool same_columns(struct json v, struct arena *a)
{
    struct json_iter it = json_iter(v);
    struct json key, name;
    size_t k = 0;

    for (; json_next(&it, &key, &name); k++)
        if (k == N_COLUMNS || !str_is(json_string(name, a), columns[k]))
            return false;
    return k == N_COLUMNS;
}

/* A whole number from 0 to max. */
static bool parse_count(struct json v, uint64_t max, uint64_t *out)
{
    int64_t n;

    if (!json_int(v, &n) || n < 0 || (uint64_t)n > max)
        return false;
    *out = (uint64_t)n;
    return true;
}

/* One line of the index, and its fragment behind that of the one before. */
static bool parse_entry(struct json v, struct gzip_unbundle *u, struct arena *a,
                        struct pack_entry *e)
{
    struct json_iter it = json_iter(v);
    struct json key, cell[N_COLUMNS], more;
    uint64_t crc, deflate;
    struct str etag;

    for (size_t k = 0; k < N_COLUMNS; k++)
        if (!json_next(&it, &key, &cell[k]))
            return false;
    if (json_next(&it, &key, &more) || cell[0].type != JSON_STRING)
        return false;
    e->trip_id = json_string(cell[0], a);
    etag = json_string(cell[2], a);
    if (!json_int(cell[1], &e->end_ms) || !etag.n || etag.n > ETAG_MAX ||
        !parse_count(cell[3], TRIP_JSON_MAX, &e->text.sum.length) ||
        !parse_count(cell[4], UINT32_MAX, &crc) ||
        !parse_count(cell[5], PACK_MAX, &deflate))
        return false;
    memcpy(e->etag.z, etag.p, etag.n);
    e->text.sum.crc = (uint32_t)crc;
    return gzip_unbundle_item(u, (size_t)deflate, &e->text.sum,
                              &e->text.deflate);
}

static int entry_by_trip(const void *a, const void *b)
{
    return str_cmp(((const struct pack_entry *)a)->trip_id,
                   ((const struct pack_entry *)b)->trip_id);
}

static enum status parse_entries(struct json v, struct gzip_unbundle *u,
                                 struct arena *a, struct pack *out,
                                 struct err *err)
{
    struct json_iter it = json_iter(v);
    struct json key, line;

    out->entry = arena_alloc_n(a, json_count(v) + 1, sizeof *out->entry);
    for (out->n = 0; json_next(&it, &key, &line); out->n++)
        if (!parse_entry(line, u, a, &out->entry[out->n]))
            return not_a_pack(err, "a line of its index is wrong");
    if (out->n)
        qsort(out->entry, out->n, sizeof *out->entry, entry_by_trip);
    for (size_t i = 1; i < out->n; i++)
        if (str_eq(out->entry[i - 1].trip_id, out->entry[i].trip_id))
            return not_a_pack(err, "a trip is in it twice");
    return gzip_unbundle_end(u, BACK, err);
}

/* text: the front, with the back that closes it. */
static enum status parse_front(struct str text, struct gzip_unbundle *u,
                               struct arena *a, struct pack *out,
                               struct err *err)
{
    struct json root;
    int64_t format;

    if (json_check(text, JSON_DEPTH, &root, err) != ST_OK)
        return not_a_pack(err, "not JSON");
    if (!json_int(json_member(root, "format"), &format) ||
        format != PACK_FORMAT ||
        !same_columns(json_member(root, "columns"), a) ||
        !str_is(json_member(root, "analyses").raw, "[]"))
        return not_a_pack(err, "another format");
    return parse_entries(json_member(root, "trips"), u, a, out, err);
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
    if (st != ST_OK)
        out->n = 0;
    return st;
}

static int trip_of(const void *trip_id, const void *entry)
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
    e = bsearch(&row->trip_id, p->entry, p->n, sizeof *e, trip_of);
    return e && e->end_ms == row->end_ms &&
                   strcmp(e->etag.z, row->etag.z) == 0 &&
                   summary_row_is_of(row, &e->text.sum, e->text.deflate.n)
               ? e
               : NULL;
}

void pack_unusable(struct str key, const struct err *why)
{
    stat_add(STAT_packs_unusable, 1);
    log_err_of(LOG_WARN, "pack_unusable", "key", key, why);
}

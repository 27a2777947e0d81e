#include "driver/roster_listing.h"

#include <assert.h>
#include <stdlib.h>
#include "base/fault.h"
#include "store/keys.h"

#define OBJECT_KEY_MAX 1024 /* S3's */

static_assert(SEGMENT_KEYS < 1000, "a segment's keys fit a page of S3");

struct listing {
    const struct call *c;
    objects_listed listed;
    void *ctx;
    struct summary *seen;
    struct buf last; /* key of the first page */
};

static enum status got_summary(void *ctx, const struct object_want *want,
                               enum status st, const struct object *obj,
                               const struct err *why)
{
    struct listing *l = ctx;

    (void)want;
    return summary_got(l->c, st, obj, why, l->seen);
}

static enum status first_page(void *ctx, const struct object_entry *e)
{
    struct listing *l = ctx;

    buf_reset(&l->last);
    buf_put(&l->last, e->key);
    return l->listed(l->ctx, e);
}

/* ---- the rest of the listing ---- */

static int by_key(const void *pa, const void *pb)
{
    return str_cmp(*(const struct str *)pa, *(const struct str *)pb);
}

/* What the summary knows of behind that key, in the listing's order. */
static size_t keys_behind(const struct listing *l, struct str last,
                          struct str *out, struct arena *a)
{
    size_t n = 0;

    for (size_t i = 0; i < l->seen->n; i++) {
        const struct summary_row *row = &l->seen->row[i];

        out[n] = key_trip(a, l->c->user_id, row->trip_id, row->end_ms);
        n += str_cmp(out[n], last) > 0;
    }
    if (n)
        qsort(out, n, sizeof *out, by_key);
    return n;
}

static enum status list_rest(const struct listing *l, struct arena *a)
{
    struct str last = buf_str(&l->last);
    struct str *key = arena_alloc_n(a, l->seen->n + 1, sizeof *key);
    size_t keys = keys_behind(l, last, key, a), n = 0;
    struct object_range *range =
        arena_alloc_n(a, keys / SEGMENT_KEYS + 1, sizeof *range);

    for (size_t i = 0; i == 0 || i < keys; i += SEGMENT_KEYS) {
        bool open = keys - i <= SEGMENT_KEYS; /* the last has no end: trips
                                                that the summary lacks */

        assert(n <= keys / SEGMENT_KEYS);
        range[n++] = (struct object_range){
            .prefix = key_trips_prefix(a, l->c->user_id),
            .after = i ? key[i - 1] : last,
            .until = open ? STR_NONE : key[i + SEGMENT_KEYS - 1],
            .listed = l->listed,
            .ctx = l->ctx};
    }
    return objects_look(l->c->stores->objects, range, n, NULL, 0, 0,
                        l->c->deadline, NULL, NULL, l->c->err);
}

/* ---- both ---- */

static enum status list_and_read(struct listing *l, struct arena *scratch)
{
    struct object_want summary = {.key = key_summary(scratch, l->c->user_id)};
    struct object_range range = {.prefix =
                                     key_trips_prefix(scratch, l->c->user_id),
                                 .one_page = true,
                                 .listed = first_page,
                                 .ctx = l};
    enum status st = objects_look(l->c->stores->objects, &range, 1, &summary, 1,
                                  SUMMARY_JSON_MAX, l->c->deadline, got_summary,
                                  l, l->c->err);

    if (st != ST_OK || !range.more)
        return st;
    st = list_rest(l, scratch);
    if (st != ST_OK)
        return st;
    if (fault_point("roster.listed"))
        return err_set(l->c->err, ST_UNAVAILABLE, NULL, "fault point");
    summary.unless = l->seen->etag;
    return objects_get_many(l->c->stores->objects, &summary, 1,
                            SUMMARY_JSON_MAX, l->c->deadline, got_summary, l,
                            l->c->err);
}

enum status roster_listing(const struct call *c, objects_listed listed,
                           void *ctx, struct summary *seen)
{
    struct arena *scratch = arena_new(0); /* a key for each of the rows */
    struct listing l = {.c = c, .listed = listed, .ctx = ctx, .seen = seen};
    enum status st;

    buf_init(&l.last, OBJECT_KEY_MAX);
    st = list_and_read(&l, scratch);
    buf_free(&l.last);
    arena_free(&scratch);
    return st;
}

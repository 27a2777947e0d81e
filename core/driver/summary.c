#include "driver/summary.h"

#include <assert.h>
#include "base/fault.h"
#include "base/log.h"
#include "base/random.h"
#include "base/stats.h"
#include "store/keys.h"

static size_t place_of(const struct summary *s, struct str trip_id, bool *found)
{
    size_t low = 0, high = s->n;

    assert(s->row || !s->n);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = str_cmp(s->row[mid].trip_id, trip_id);

        if (c == 0) {
            *found = true;
            return mid;
        }
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *found = false;
    return low;
}

void summary_row_text(struct summary_row *row, const struct gzip_sum *sum,
                      size_t deflate)
{
    row->length = (int64_t)sum->length;
    row->crc = sum->crc;
    row->deflate = (int64_t)deflate;
}

struct gzip_sum summary_row_sum(const struct summary_row *row)
{
    return (struct gzip_sum){(uint32_t)row->crc, (uint64_t)row->length};
}

bool summary_row_has_text(const struct summary_row *row,
                          const struct gzip_sum *sum, size_t deflate)
{
    return row->length == (int64_t)sum->length && row->crc == sum->crc &&
           row->deflate == (int64_t)deflate;
}

bool summary_row_lacks(const struct summary_row *row)
{
    return row->rest && row->rest->gaps;
}

void summary_row_complete(struct summary_row *row,
                          const struct trip_figures *figures, struct arena *a)
{
    struct row_rest *rest = NULL;

    row->figures = *figures;
    /* A new one: the old may be shared with the summary as it was seen, which
     * must go on saying that the row lacked them (roster_repair). */
    if (row->rest && row->rest->other) {
        rest = arena_alloc(a, sizeof *rest);
        rest->other = row->rest->other;
    }
    row->rest = rest;
}

struct summary_row *summary_find(const struct summary *s, struct str trip_id)
{
    bool found;
    size_t i = place_of(s, trip_id, &found);

    return found ? &s->row[i] : NULL;
}

bool summary_row_is_of(const struct summary_row *row, int64_t end_ms,
                       const struct etag *etag)
{
    return row->end_ms == end_ms && strcmp(row->etag.z, etag->z) == 0;
}

bool trip_later(const struct trip_age *a, const struct trip_age *b)
{
    if (a->revision != b->revision)
        return a->revision > b->revision;
    if (a->modified_us != b->modified_us)
        return a->modified_us > b->modified_us;
    return a->end_ms > b->end_ms;
}

static struct trip_age row_age(const struct summary_row *row)
{
    return (struct trip_age){row->revision, row->modified_us, row->end_ms};
}

bool summary_row_later(const struct summary_row *a, const struct summary_row *b)
{
    struct trip_age age_a = row_age(a), age_b = row_age(b);

    return trip_later(&age_a, &age_b);
}

static void insert_at(struct summary *s, size_t i,
                      const struct summary_row *row, struct arena *a)
{
    struct summary_row *grown = arena_alloc_n(a, s->n + 1, sizeof *grown);

    assert(i <= s->n);
    assert(!i || str_cmp(s->row[i - 1].trip_id, row->trip_id) < 0);
    assert(i == s->n || str_cmp(row->trip_id, s->row[i].trip_id) < 0);
    if (i)
        memcpy(grown, s->row, i * sizeof *grown);
    grown[i] = *row;
    if (s->n > i)
        memcpy(grown + i + 1, s->row + i, (s->n - i) * sizeof *grown);
    s->row = grown;
    s->n++;
}

enum merged summary_merge(struct summary *s, const struct summary_row *row,
                          struct arena *a, struct summary_row *other)
{
    bool found;
    size_t i = place_of(s, row->trip_id, &found);

    if (!found) {
        insert_at(s, i, row, a);
        return MERGED_NEW;
    }
    *other = s->row[i];
    /* Rule 3. Equal ones are ours to replace: the same claim's repeat. */
    if (s->row[i].revision > row->revision)
        return MERGED_SUPERSEDED;
    s->row[i] = *row;
    return MERGED_REPLACED;
}

/* It counts as none, but the next write has to replace this very one; of what
 * could not be got the version is looked for then. */
static void summary_useless(const struct call *c, enum summary_state state,
                            const struct etag *etag, const struct err *why,
                            struct summary *out)
{
    log_err_of(LOG_WARN,
               state == SUMMARY_REFUSED ? "summary_refused"
                                        : "summary_unreadable",
               "key", key_summary(c->arena, c->user_id), why);
    *out = (struct summary){.state = state};
    if (etag)
        out->etag = *etag;
}

/* body: in the call's arena. */
static void read_summary(const struct call *c, const struct etag *etag,
                         struct str body, struct summary *out)
{
    struct err why = ERR_NONE;

    out->etag = *etag;
    if (summary_parse(body, c->arena, out, &why) == ST_OK) {
        if (!out->user_id.n || str_eq(out->user_id, c->user_id))
            return;
        (void)err_set(&why, ST_CORRUPT, NULL, "it is another user's");
    }
    stat_add(STAT_store_errors, 1);
    summary_useless(c, SUMMARY_UNREADABLE, etag, &why, out);
}

/* It could not be got. */
static enum status summary_not_got(const struct call *c, enum status st,
                                   const struct err *why, struct summary *out)
{
    switch (st) {
    case ST_NOT_FOUND:
        return ST_OK;
    case ST_CORRUPT:
    case ST_TOO_LARGE:
        summary_useless(c, SUMMARY_UNREADABLE, NULL, why, out);
        return ST_OK;
    case ST_DENIED:
        summary_useless(c, SUMMARY_REFUSED, NULL, why, out);
        return ST_OK;
    default:
        *c->err = *why;
        return st;
    }
}

enum status summary_got(const struct call *c, enum status st,
                        const struct object *obj, const struct err *why,
                        struct summary *out)
{
    assert(st == ST_OK ? obj != NULL : why != NULL);
    if (st == ST_PRECONDITION)
        return ST_OK;
    *out = (struct summary){.n = 0};
    if (st != ST_OK)
        return summary_not_got(c, st, why, out);
    read_summary(c, &obj->etag, arena_copy(c->arena, obj->body), out);
    return ST_OK;
}

enum status summary_read(const struct call *c, struct summary *out)
{
    struct str key = key_summary(c->arena, c->user_id);
    struct err why = ERR_NONE;
    struct object obj;
    enum status st;

    *out = (struct summary){.n = 0};
    st = objects_get(c->stores->objects, key, NULL, SUMMARY_JSON_MAX,
                     c->deadline, c->arena, &obj, &why);
    if (st != ST_OK)
        return summary_not_got(c, st, &why, out);
    read_summary(c, &obj.etag, obj.body, out);
    return ST_OK;
}

static enum status summary_not_ours(const struct call *c,
                                    const struct summary *sum)
{
    return sum->state == SUMMARY_NEWER
               ? err_set(c->err, ST_CORRUPT, "summary_newer",
                         "The summary was written by a later version of this "
                         "service; it is left alone")
               : err_set(c->err, ST_CORRUPT, "summary_refused",
                         "The summary may not be read; it is left alone");
}

/* What could not be got has a version all the same, to be written over. */
static enum status summary_seek(const struct call *c, struct summary *sum)
{
    if (sum->state != SUMMARY_UNREADABLE || sum->etag.z[0])
        return ST_OK;
    return objects_version(c->stores->objects,
                           key_summary(c->arena, c->user_id), c->deadline,
                           &sum->etag, c->err);
}

enum status summary_write(const struct call *c, struct summary *sum)
{
    struct etag written;
    struct buf body;
    bool first;
    enum status st;

    assert(c->user_id.n);
    if (!summary_is_ours(sum))
        return summary_not_ours(c, sum);
    if ((st = summary_seek(c, sum)) != ST_OK)
        return st;
    first = !sum->etag.z[0];
    if (fault_point("summary.before_write"))
        return err_set(c->err, ST_PRECONDITION, NULL, "fault point");
    buf_init(&body, SUMMARY_JSON_MAX);
    summary_print(sum, c->user_id, clock_wall_us(), c->arena, &body);
    /* Rather none than half of one: trips without a row cost a read each. */
    if (!buf_ok(&body))
        st = err_set(c->err, ST_TOO_LARGE, "summary_too_large",
                     "The driver has more trips than a summary holds");
    else
        st = objects_put_derived(
            c->stores->objects, key_summary(c->arena, c->user_id),
            buf_str(&body), first ? COND_ABSENT : COND_MATCH, &sum->etag,
            c->deadline, &written, c->err);
    if (st == ST_OK) {
        sum->etag = written;
        sum->state = SUMMARY_READ;
    }
    buf_free(&body);
    return st;
}

bool summary_overtaken(enum status st)
{
    /* 412, 409, and 404 under If-Match: who was quicker may have removed it. */
    return st == ST_PRECONDITION || st == ST_BUSY || st == ST_NOT_FOUND;
}

enum status summary_add(const struct call *c, struct summary *seen,
                        const struct summary_row *row, enum merged *how,
                        struct summary_row *other)
{
    /* The claim has still to be ended and the token to be replaced. */
    int64_t reserve = deadline_left_ms(c->deadline) / 3;
    enum status st;

    assert(row->trip_id.n);
    for (uint32_t tries = 1;; tries++) {
        struct arena_mark mark = arena_mark(c->arena);

        *how = summary_merge(seen, row, c->arena, other);
        if (*how == MERGED_SUPERSEDED)
            return ST_OK;
        st = summary_write(c, seen);
        if (!summary_overtaken(st))
            return st;
        stat_add(STAT_summary_conflicts, 1);
        if (deadline_left_ms(c->deadline) <= reserve)
            return err_set(c->err, ST_BUSY, "summary_contended",
                           "The summary was left to the next read after %u "
                           "conflicts",
                           (unsigned)tries);
        err_clear(c->err);
        arena_release(c->arena, mark); /* seen is read anew */
        /* At most 32 ms, a round trip of the store or two: enough to part
         * finalizes that met, and more would only wait. */
        clock_sleep_ms(random_below(tries < 8 ? 4u * tries : 32u) + 1);
        if ((st = summary_read(c, seen)) != ST_OK)
            return st;
    }
}

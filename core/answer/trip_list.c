#include "answer/trip_list.h"

#include <assert.h>
#include "base/fault.h"
#include "base/json.h"
#include "driver/trip_object.h"
#include "driver/trip_texts.h"

/* What is left of trips when fields are chosen is compressed here, once for a
 * token: quickly. */
#define FIELDS_GZIP_LEVEL 4
/* Parts of about this size are handed on: some records of FastCGI at a time,
 * and little beside the window that is in memory anyway. */
#define PART ((size_t)128 * 1024)

struct run {
    const struct call *c;
    const struct trip_list *list;
    struct trip_list_out *out;
    struct trip_texts *texts;
    struct buf plain, gzip; /* not yet handed on */
    size_t skip;            /* bytes of the list still to be passed over */
    bool exact;             /* the list's length was announced */
};

/* ---- parts ---- */

static enum status hand_on(struct run *r, enum coding coding, struct buf *b)
{
    struct str bytes = buf_str(b);
    size_t skip = r->skip < bytes.n ? r->skip : bytes.n;

    assert(coding < CODING_NONE);
    if (!buf_ok(b))
        return err_set(r->c->err, ST_TOO_LARGE, NULL,
                       "a trip of the answer is over %zu bytes", b->max);
    r->skip -= skip;
    b->n = 0;
    if (skip == bytes.n)
        return ST_OK;
    return r->out->put(r->out->ctx, coding,
                       (struct str){bytes.p + skip, bytes.n - skip}, r->c->err);
}

/* Chosen fields are in the plain part alone until here. */
static void compress_chosen(struct run *r)
{
    struct gzip_sum sum;

    assert(!fields_is_all(r->list->fields) && !r->gzip.n);
    gzip_fragment(buf_str(&r->plain), FIELDS_GZIP_LEVEL, &r->gzip, &sum);
    gzip_sum_add(&r->out->sum, &sum);
}

static enum status hand_on_over(struct run *r, size_t size)
{
    enum status st = ST_OK;

    if (r->plain.n <= size && r->gzip.n <= size && buf_ok(&r->plain) &&
        buf_ok(&r->gzip))
        return ST_OK;
    if (r->out->gzip && !fields_is_all(r->list->fields) && buf_ok(&r->plain))
        compress_chosen(r);
    if (r->out->plain)
        st = hand_on(r, CODING_PLAIN, &r->plain);
    else
        buf_reset(&r->plain);
    return st == ST_OK && r->out->gzip ? hand_on(r, CODING_GZIP, &r->gzip) : st;
}

/* ---- trips ---- */

static void put_fragment(struct run *r, struct str deflate,
                         const struct gzip_sum *sum)
{
    gzip_sum_add(&r->out->sum, sum);
    buf_put(&r->gzip, deflate);
}

/* As it is stored, in either coding. */
static void put_stored(struct run *r, const struct trip_text *text,
                       struct str json, bool comma)
{
    struct gzip_sum comma_sum;
    struct str comma_fragment = gzip_comma(&comma_sum);

    if (r->out->plain && comma)
        buf_putc(&r->plain, ',');
    if (r->out->plain)
        buf_put(&r->plain, json);
    if (r->out->gzip && comma)
        put_fragment(r, comma_fragment, &comma_sum);
    if (r->out->gzip)
        put_fragment(r, text->deflate, &text->sum);
}

static void put_chosen(struct run *r, struct str json, bool comma)
{
    if (comma)
        buf_putc(&r->plain, ',');
    fields_put(r->list->fields, &analysis_fields, json_of(str_trim(json)),
               &r->plain);
}

static enum status put_listed_trip(struct run *r, size_t i)
{
    const struct roster_trip *trip = r->list->roster->trip[i];
    bool chosen = !fields_is_all(r->list->fields);
    const struct trip_text *text;
    struct str json = STR_NONE;
    enum status st = trip_texts_get(r->c, r->texts, i, &text,
                                    r->out->plain || chosen ? &json : NULL);

    if (st != ST_OK)
        return st;
    /* The announced length would be wrong from here on: rather cut, which the
     * client sees. */
    if (r->exact && (trip->unreadable || trip->restated))
        return err_set(r->c->err, ST_PRECONDITION, "trip_changed",
                       "trip %.*s is not what its row said",
                       STR_ARG(trip->row.trip_id));
    if (!text)
        return ST_OK;
    if (chosen)
        put_chosen(r, json, r->out->n_trips > 0);
    else
        put_stored(r, text, json, r->out->n_trips > 0);
    r->out->n_trips++;
    return hand_on_over(r, PART);
}

static enum status put_window(struct run *r, size_t from, size_t to,
                              size_t *end)
{
    enum status st = trip_texts_window(r->c, r->texts, from, to, end);

    assert(st != ST_OK || (*end > from && *end <= to));
    for (; st == ST_OK && from < *end; from++)
        st = put_listed_trip(r, from);
    return st;
}

/* ---- lists ---- */

static void run_free(void *ctx)
{
    struct run *r = ctx;

    buf_free(&r->plain);
    buf_free(&r->gzip);
}

static struct run *run_new(const struct call *c, const struct trip_list *l,
                           struct trip_list_out *out)
{
    struct run *r = arena_alloc(c->arena, sizeof *r);

    r->c = c;
    r->list = l;
    r->out = out;
    assert(l->from <= l->to && l->to <= l->roster->n);
    r->texts = trip_texts_new(c, l->roster);
    buf_init(&r->plain, PART + 2 * TRIP_JSON_MAX);
    buf_init(&r->gzip, PART + 2 * TRIP_JSON_MAX);
    arena_defer(c->arena, run_free, r);
    out->n_trips = 0;
    out->sum = GZIP_SUM_NONE;
    return r;
}

enum status trip_list_put(const struct call *c, const struct trip_list *l,
                          struct trip_list_out *out)
{
    struct run *r = run_new(c, l, out);
    enum status st = ST_OK;

    for (size_t i = l->from; st == ST_OK && i < l->to;)
        st = put_window(r, i, l->to, &i);
    return st == ST_OK ? hand_on_over(r, 0) : st;
}

/* Of trip i, with the comma before it, if any. */
static size_t bytes_with_comma(const struct trip_list *l, size_t i,
                               enum coding coding)
{
    const struct summary_row *row = &l->roster->trip[i]->row;
    bool gzip = coding == CODING_GZIP;
    size_t comma = gzip ? GZIP_COMMA_SIZE : 1;

    assert(i >= l->from && coding < CODING_NONE);
    return (i > l->from ? comma : 0) +
           (size_t)(gzip ? row->deflate : row->length);
}

/* Passes over whole trips, of which none need be read; what is left of skip
 * lies in the part that begins with the trip that is returned (its comma
 * first). */
static size_t pass_over(struct run *r, enum coding coding)
{
    const struct trip_list *l = r->list;
    size_t i;

    for (i = l->from; i < l->to; i++) {
        size_t n = bytes_with_comma(l, i, coding);

        if (r->skip < n)
            break;
        r->skip -= n;
    }
    r->out->n_trips = i - l->from;
    return i;
}

enum status trip_list_stream(const struct call *c, const struct trip_list *l,
                             enum coding coding, size_t skip,
                             struct trip_list_out *out)
{
    struct call window = *c; /* the run's: its deadline moves on */
    struct run *r = run_new(&window, l, out);
    enum status st = ST_OK;
    size_t i;

    assert(fields_is_all(l->fields) && (!skip || out->plain != out->gzip));
    r->exact = true;
    r->skip = skip;
    i = pass_over(r, coding);
    while (st == ST_OK && i < l->to) {
        if (i > l->from)
            (void)fault_point("answer.window"); /* for a hold */
        window.deadline = deadline_in(c->stores->conf->server_request_timeout);
        st = put_window(r, i, l->to, &i);
    }
    return st == ST_OK ? hand_on_over(r, 0) : st;
}

size_t trip_list_length(const struct trip_list *l, enum coding coding)
{
    size_t length = 0;

    assert(fields_is_all(l->fields));
    for (size_t i = l->from; i < l->to; i++)
        length += bytes_with_comma(l, i, coding);
    return length;
}

struct gzip_sum trip_list_sum(const struct trip_list *l)
{
    struct gzip_sum all = GZIP_SUM_NONE, comma;

    assert(fields_is_all(l->fields));
    (void)gzip_comma(&comma);
    for (size_t i = l->from; i < l->to; i++) {
        struct gzip_sum sum = summary_row_sum(&l->roster->trip[i]->row);

        if (i > l->from)
            gzip_sum_add(&all, &comma);
        gzip_sum_add(&all, &sum);
    }
    return all;
}

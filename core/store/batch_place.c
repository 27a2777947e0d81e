#include "store/batch_place.h"

#include <assert.h>
#include <stdlib.h>
#include "base/json.h"

/* Of all points of a batch in the form below, which is some multiple of their
 * JSON at most. What another hand stored beyond that is never scored. */
#define POINTS_MAX TRIP_MAX_BYTES

/* ---- numbers ---- */

bool batch_is_beside(int64_t number)
{
    return number > BATCH_MAX_NUMBER;
}

int64_t batch_client_number(int64_t number)
{
    return batch_is_beside(number) ? (number - 1) % BATCH_MAX_NUMBER + 1
                                   : number;
}

int64_t batch_number_beside(int64_t number, int64_t nth)
{
    return number + nth * BATCH_MAX_NUMBER;
}

struct str batch_id_of(struct str trip_id, int64_t number, struct arena *a)
{
    return arena_printf(a, "%.*s_batch_%lld", STR_ARG(trip_id),
                        (long long)number);
}

/* ---- points, in a form in which the same ones have the same bytes ---- */

struct member {
    struct str name;
    struct json value;
};

static int by_name(const void *x, const void *y)
{
    const struct member *a = x, *b = y;

    return str_cmp(a->name, b->name);
}

static void meaning_value(struct json v, struct arena *a, struct buf *out);

static void meaning_text(struct str text, struct buf *out)
{
    buf_printf(out, "%zu:", text.n);
    buf_put(out, text);
}

static void meaning_number(struct json v, struct buf *out)
{
    double d = 0;

    (void)json_double(v, &d); /* its text was checked: it is one */
    if (d == 0)               /* also -0 */
        buf_putc(out, '0');
    else
        buf_printf(out, "%a;", d);
}

static void put_members(struct json v, struct arena *a, struct buf *out)
{
    struct member *m = arena_alloc_n(a, json_count(v) + 1, sizeof *m);
    struct json_iter it = json_iter(v);
    struct json key, value;
    size_t n = 0;

    while (json_next(&it, &key, &value))
        if (value.type != JSON_NULL)
            m[n++] = (struct member){json_string(key, a), value};
    if (n)
        qsort(m, n, sizeof *m, by_name);
    buf_putc(out, '{');
    for (size_t i = 0; i < n; i++) {
        meaning_text(m[i].name, out);
        meaning_value(m[i].value, a, out);
    }
    buf_putc(out, '}');
}

static void put_elements(struct json v, struct arena *a, struct buf *out)
{
    struct json_iter it = json_iter(v);
    struct json key, value;

    buf_putc(out, '[');
    while (json_next(&it, &key, &value))
        meaning_value(value, a, out);
    buf_putc(out, ']');
}

static void meaning_value(struct json v, struct arena *a, struct buf *out)
{
    switch (v.type) {
    case JSON_NONE:
    case JSON_NULL:
        buf_putc(out, 'n');
        break;
    case JSON_FALSE:
    case JSON_TRUE:
        buf_putc(out, '0'); /* as the functions before this service store it */
        break;
    case JSON_NUMBER:
        meaning_number(v, out);
        break;
    case JSON_STRING:
        meaning_text(json_string(v, a), out);
        break;
    case JSON_ARRAY:
        put_elements(v, a, out);
        break;
    case JSON_OBJECT:
        put_members(v, a, out);
        break;
    }
}

struct points { /* sorted */
    struct str *v;
    size_t n;
    bool readable;
};

static int member_by_bytes(const void *x, const void *y)
{
    return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

static void points_sort(struct points *p)
{
    if (p->n)
        qsort(p->v, p->n, sizeof *p->v, member_by_bytes);
}

static struct points points_of(struct str deltas, struct arena *a)
{
    struct points p = {.readable = false};
    struct json root, key, point;
    struct json_iter it;
    struct buf form;
    struct str all;

    if (json_check(deltas, JSON_DEPTH, &root, NULL) != ST_OK ||
        root.type != JSON_ARRAY)
        return p;
    p.v = arena_alloc_n(a, json_count(root) + 1, sizeof *p.v);
    buf_init(&form, POINTS_MAX);
    for (it = json_iter(root); json_next(&it, &key, &point); p.n++) {
        size_t from = form.n;

        meaning_value(point, a, &form);
        p.v[p.n] = (struct str){NULL, form.n - from};
    }
    p.readable = buf_ok(&form);
    all = p.readable ? arena_copy(a, buf_str(&form)) : STR_NONE;
    buf_free(&form);
    if (!p.readable)
        return (struct points){.readable = false};
    for (size_t i = 0, at = 0; i < p.n; at += p.v[i++].n)
        p.v[i].p = all.p + at;
    points_sort(&p);
    return p;
}

/* Each of a, as often as it is there, is also in b. */
static bool points_within(const struct points *a, const struct points *b)
{
    size_t j = 0;

    for (size_t i = 0; i < a->n; i++, j++) {
        while (j < b->n && str_cmp(b->v[j], a->v[i]) < 0)
            j++;
        if (j == b->n || !str_eq(b->v[j], a->v[i]))
            return false;
    }
    return true;
}

static struct points points_together(const struct points *p, size_t n,
                                     struct arena *a)
{
    struct points all = {.readable = true};
    size_t room = 1;

    for (size_t i = 0; i < n; i++)
        room += p[i].n;
    all.v = arena_alloc_n(a, room, sizeof *all.v);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < p[i].n; k++)
            all.v[all.n++] = p[i].v[k];
    points_sort(&all);
    return all;
}

/* ---- the place ---- */

static bool is_taken(const struct batch_here *here, size_t n, int64_t number)
{
    for (size_t i = 0; i < n; i++)
        if (here[i].number == number)
            return true;
    return false;
}

static int64_t free_number(int64_t number, const struct batch_here *here,
                           size_t n)
{
    int64_t at = number;

    for (int64_t nth = 1; is_taken(here, n, at); nth++)
        at = batch_number_beside(number, nth);
    return at;
}

struct place batch_place(const struct batch *b, const struct batch_here *here,
                         size_t n, struct arena *a)
{
    struct place to = {PLACE_NEW, free_number(b->number, here, n), 0};
    struct points ours, all, *stored;

    if (to.number == b->number)
        return to;
    ours = points_of(b->deltas, a);
    assert(ours.readable); /* the caller's promise: records.h */
    stored = arena_alloc_n(a, n, sizeof *stored);
    for (size_t i = 0; i < n; i++)
        stored[i] = points_of(here[i].deltas, a);
    all = points_together(stored, n, a);
    if (points_within(&ours, &all))
        return (struct place){PLACE_HELD, b->number, 0};
    for (size_t i = 0; i < n; i++)
        if ((!stored[i].readable || points_within(&stored[i], &ours)) &&
            (to.how == PLACE_NEW || here[i].number < to.number))
            to = (struct place){PLACE_REPLACES, here[i].number, i};
    return to;
}

struct batch batch_placed(const struct batch *b, const struct place *p,
                          struct arena *a)
{
    struct batch as = *b;

    if (p->number != b->number) {
        as.number = p->number;
        as.batch_id = batch_id_of(b->trip_id, p->number, a);
    }
    return as;
}

enum batch_kept batch_kept_as(const struct place *p)
{
    switch (p->how) {
    case PLACE_NEW:
        return batch_is_beside(p->number) ? BATCH_BESIDE : BATCH_NEW;
    case PLACE_REPLACES:
        return BATCH_REPLACED;
    case PLACE_HELD:
        break;
    }
    return BATCH_HELD;
}

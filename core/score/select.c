#include "score/select.h"

#include <math.h>
#include <stdlib.h>

#include "score/versions.h"

#define SECONDS_FEWEST_TIMES 3
#define SECONDS_LONGEST 300.0
#define SECONDS_LEAST_SPAN 10.0
#define US_PER_SECOND 1e6
#define MS_PER_SECOND 1000.0

struct selecting {
    struct selection s;
    struct delta *own; /* s.deltas, once they were copied */
    struct arena *a;
};

static struct delta *selection_own(struct selecting *w)
{
    if (!w->own) {
        w->own = arena_alloc_n(w->a, w->s.n, sizeof *w->own);
        for (size_t i = 0; i < w->s.n; i++)
            w->own[i] = w->s.deltas[i];
        w->s.deltas = w->own;
    }
    return w->own;
}

/* Without the marked ones. */
static void selection_keep(struct selecting *w, const bool *left_out)
{
    struct delta *d = selection_own(w);
    size_t kept = 0;

    for (size_t i = 0; i < w->s.n; i++)
        if (!left_out[i])
            d[kept++] = d[i];
    w->s.n = kept;
}

/* ---- 3 ---- */

static void leave_out_long(struct selecting *w, double longest_ms)
{
    bool *left_out, any = false;

    for (size_t i = 0; !any && i < w->s.n; i++)
        any = w->s.deltas[i].dt_ms > longest_ms;
    if (!any)
        return;
    left_out = arena_alloc_n(w->a, w->s.n, sizeof *left_out);
    for (size_t i = 0; i < w->s.n; i++)
        left_out[i] = w->s.deltas[i].dt_ms > longest_ms;
    selection_keep(w, left_out);
}

/* ---- 4 ---- */

/* One text is one time: where each is later than all before, none came again.
 * That is nearly every trip. (TIME_NONE is later than none.) */
static bool times_ascend(const struct selection *s)
{
    int64_t last = TIME_NONE;

    for (size_t i = 0; i < s->n; i++) {
        const struct delta *d = &s->deltas[i];

        if (!d->time_text.n)
            continue;
        if (d->time_us <= last)
            return false;
        last = d->time_us;
    }
    return true;
}

/* Numbers that are none are alike, and before all others. */
static int number_order(double x, double y)
{
    if (isnan(x) || isnan(y))
        return !isnan(x) - !isnan(y);
    return (x > y) - (x < y);
}

/* 0: the same point. The time only saves comparing most texts. */
static int point_order(const struct delta *x, const struct delta *y)
{
    int order = (x->time_us > y->time_us) - (x->time_us < y->time_us);

    if (!order)
        order = str_cmp(x->time_text, y->time_text);
    if (!order)
        order = number_order(x->sequence, y->sequence);
    if (!order)
        order = number_order(x->lat, y->lat);
    if (!order)
        order = number_order(x->lon, y->lon);
    if (!order)
        order = number_order(x->dt_ms, y->dt_ms);
    return order ? order : number_order(x->speed_mph, y->speed_mph);
}

/* Of the same points the earlier is first. */
static int place_order(const void *a, const void *b)
{
    const struct delta *x = *(const struct delta *const *)a;
    const struct delta *y = *(const struct delta *const *)b;
    int order = point_order(x, y);

    return order ? order : (x > y) - (x < y);
}

/* Sorted, not hashed: all that is hashed a client chooses, and a table of what
 * he made collide would take hours. */
static void leave_out_repeats(struct selecting *w)
{
    const struct delta *d = w->s.deltas, **sorted;
    size_t n = 0;
    bool *left_out;

    if (times_ascend(&w->s))
        return;
    sorted = arena_alloc_n(w->a, w->s.n, sizeof *sorted);
    left_out = arena_alloc_n(w->a, w->s.n, sizeof *left_out);
    for (size_t i = 0; i < w->s.n; i++) {
        left_out[i] = false;
        if (d[i].time_text.n)
            sorted[n++] = &d[i];
    }
    qsort(sorted, n, sizeof *sorted, place_order);
    for (size_t i = 1; i < n; i++)
        if (point_order(sorted[i - 1], sorted[i]) == 0) {
            left_out[sorted[i] - d] = true;
            w->s.repeats++;
        }
    if (w->s.repeats)
        selection_keep(w, left_out);
}

/* ---- 5 ---- */

static bool in_seconds(const struct selection *s)
{
    int64_t first = INT64_MAX, last = INT64_MIN;
    double sum = 0, span;
    size_t times = 0;

    for (size_t i = 0; i < s->n; i++) {
        const struct delta *d = &s->deltas[i];

        if (d->dt_ms > SECONDS_LONGEST)
            return false;
        sum += i ? d->dt_ms : 0; /* the first leads to the first time */
        if (d->time_us == TIME_NONE)
            continue;
        times++;
        first = d->time_us < first ? d->time_us : first;
        last = d->time_us > last ? d->time_us : last;
    }
    if (times < SECONDS_FEWEST_TIMES)
        return false;
    span = (double)(last - first) / US_PER_SECOND;
    return span >= SECONDS_LEAST_SPAN && span >= sum / 2 && span <= sum * 2;
}

static void to_milliseconds(struct selecting *w)
{
    struct delta *d = selection_own(w);

    for (size_t i = 0; i < w->s.n; i++)
        d[i].dt_ms *= MS_PER_SECOND;
}

/* ---- 6 ---- */

static void forget_negative_accuracies(struct selecting *w)
{
    for (size_t i = 0; i < w->s.n; i++)
        if (w->s.deltas[i].accuracy_m < 0)
            selection_own(w)[i].accuracy_m = NAN;
}

struct selection deltas_select(const struct score_input *in, struct arena *a)
{
    const struct score_mends *m = score_rules_of(in->version)->mends;
    struct selecting w = {
        .s = {.deltas = in->deltas, .n = in->n_deltas},
        .a = a,
    };

    if (isfinite(m->longest_ms))
        leave_out_long(&w, m->longest_ms);
    if (m->repeats_left_out)
        leave_out_repeats(&w);
    if (m->seconds_seen && in_seconds(&w.s))
        to_milliseconds(&w);
    if (m->accuracy_from_zero)
        forget_negative_accuracies(&w);
    return w.s;
}

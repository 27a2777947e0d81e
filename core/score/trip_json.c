#include "score/trip_json.h"

#include <math.h>
#include <string.h>

#include "score/figure.h"

#define ACCURATE_M 10.0
#define FIRST_ROOM 64

double delta_average(struct delta_average v)
{
    return v.n ? figure_bounded(v.sum / (double)v.n) : 0;
}

void deltas_reserve(struct delta_list *list, size_t n, struct arena *a)
{
    struct delta *grown;

    if (n <= list->cap)
        return;
    grown = arena_alloc_n(a, n, sizeof *grown);
    if (list->n)
        memcpy(grown, list->deltas, list->n * sizeof *grown);
    list->deltas = grown;
    list->cap = n;
}

/* ---- one delta ---- */

static const struct {
    const char *name;
    size_t n;
} fields[DELTA_FIELDS] = {
#define FIELD(f, name) [DELTA_##f] = {name, sizeof name - 1}
    FIELD(LAT, "delta_lat"),
    FIELD(LON, "delta_long"),
    FIELD(TIME, "delta_time"),
    FIELD(SPEED, "speed_mph"),
    FIELD(CONFIDENCE, "speed_confidence"),
    FIELD(ACCURACY, "gps_accuracy"),
    FIELD(STATIONARY, "is_stationary"),
    FIELD(QUALITY, "data_quality"),
    FIELD(SEQUENCE, "sequence"),
    FIELD(TIMESTAMP, "timestamp"),
#undef FIELD
};
#define FIRST_OPTIONAL DELTA_SPEED
#define OPTIONAL (DELTA_FIELDS - FIRST_OPTIONAL)

/* DELTA_FIELDS for any other. Ten names for each of fifteen members: by length.
 */
static enum delta_field field_of(struct json key)
{
    const char *name = key.raw.p + 1;
    size_t n = key.raw.n - 2;
    enum delta_field f;

    for (f = 0; f < DELTA_FIELDS; f++)
        if (n == fields[f].n && memcmp(name, fields[f].name, n) == 0)
            return f;
    if (memchr(name, '\\', n))
        for (f = 0; f < DELTA_FIELDS; f++)
            if (json_key_is(key, fields[f].name))
                return f;
    return DELTA_FIELDS;
}

void delta_member(struct delta_members *m, struct json key, struct json value)
{
    enum delta_field f = field_of(key);

    if (f < DELTA_FIELDS)
        m->v[f] = value;
}

void delta_forget(struct delta_members *m)
{
    for (enum delta_field f = 0; f < DELTA_FIELDS; f++)
        m->v[f] = JSON_ABSENT;
}

static double number_or_nan(struct json v)
{
    double d;

    return json_numeric(v, &d) ? d : NAN;
}

bool delta_read(const struct delta_members *m, struct arena *a, struct delta *d)
{
    struct json when = m->v[DELTA_TIMESTAMP];

    if (!json_numeric(m->v[DELTA_LAT], &d->lat) ||
        !json_numeric(m->v[DELTA_LON], &d->lon) ||
        !json_numeric(m->v[DELTA_TIME], &d->dt_ms))
        return false;
    d->speed_mph = number_or_nan(m->v[DELTA_SPEED]);
    d->accuracy_m = number_or_nan(m->v[DELTA_ACCURACY]);
    d->sequence = number_or_nan(m->v[DELTA_SEQUENCE]);
    d->time_text = json_string(when, a);
    if (!time_read(when, a, &d->time_us))
        d->time_us = TIME_NONE;
    return true;
}

static void average_in(struct delta_average *v, double x)
{
    if (isnan(x))
        return;
    v->sum += x;
    v->n++;
}

static bool is_enhanced(const struct delta_members *m)
{
    int there = 0;
    enum delta_field f;

    for (f = FIRST_OPTIONAL; f < DELTA_FIELDS; f++)
        there += m->v[f].type != JSON_NONE && m->v[f].type != JSON_NULL;
    return 2 * there > OPTIONAL;
}

static void count_bad_time(struct json when, const struct delta *d,
                           struct delta_counts *c)
{
    if (d->time_us != TIME_NONE || when.type == JSON_NONE ||
        when.type == JSON_NULL)
        return;
    if (!c->bad_times++)
        c->bad_time = when;
}

void delta_count(const struct delta_members *m, const struct delta *d,
                 struct delta_counts *c)
{
    /* Below 0 a phone says that its fix is none. */
    double accuracy_m = d->accuracy_m < 0 ? NAN : d->accuracy_m;

    c->deltas++;
    c->stationary += m->v[DELTA_STATIONARY].type == JSON_TRUE;
    c->moved += d->lat != 0 || d->lon != 0;
    c->accurate += accuracy_m < ACCURATE_M;
    c->high_quality += json_key_is(m->v[DELTA_QUALITY], "high");
    c->enhanced += is_enhanced(m);
    count_bad_time(m->v[DELTA_TIMESTAMP], d, c);
    average_in(&c->speed, d->speed_mph);
    average_in(&c->accuracy, accuracy_m);
    average_in(&c->confidence, number_or_nan(m->v[DELTA_CONFIDENCE]));
}

/* ---- a batch ---- */

struct reading {
    struct arena *a;
    struct delta_list *out;
    struct delta_members m; /* of the delta that is being read */
};

static void note_member(void *ctx, struct json key, struct json value)
{
    struct reading *r = ctx;

    delta_member(&r->m, key, value);
}

static void list_delta(void *ctx, struct json element)
{
    struct reading *r = ctx;
    struct delta_list *out = r->out;

    (void)element; /* what is no object has no members */
    if (out->n == out->cap)
        deltas_reserve(out, out->cap ? 2 * out->cap : FIRST_ROOM, r->a);
    if (delta_read(&r->m, r->a, &out->deltas[out->n]))
        delta_count(&r->m, &out->deltas[out->n++], &out->counts);
    else
        out->counts.unusable++;
    delta_forget(&r->m);
}

enum status deltas_read(struct str text, struct arena *a,
                        struct delta_list *out, struct err *err)
{
    struct reading r = {.a = a, .out = out};
    struct json_rows rows = {
        .member = note_member, .row = list_delta, .ctx = &r};
    struct err why = ERR_NONE;
    struct json root;

    delta_forget(&r.m);
    if (json_check_rows(text, JSON_DEPTH, &rows, &root, &why) != ST_OK)
        return err_set(err, ST_CORRUPT, NULL, "deltas are %s", why.text);
    if (root.type != JSON_ARRAY)
        return err_set(err, ST_CORRUPT, NULL, "deltas are no array");
    return ST_OK;
}

struct client_totals client_totals_read(struct json trip_quality)
{
    static const struct {
        const char *name;
        size_t offset;
    } totals[] = {
        {"actual_distance_miles",
         offsetof(struct client_totals, distance_miles)},
        {"actual_duration_minutes",
         offsetof(struct client_totals, duration_minutes)},
        {"gps_max_speed_mph", offsetof(struct client_totals, max_speed_mph)},
        {"gps_avg_speed_mph", offsetof(struct client_totals, avg_speed_mph)},
    };
    struct client_totals t;
    size_t i;

    t.use = json_member(trip_quality, "use_gps_metrics").type == JSON_TRUE;
    for (i = 0; i < sizeof totals / sizeof *totals; i++) {
        double *into = (double *)((char *)&t + totals[i].offset);

        if (!json_double(json_member(trip_quality, totals[i].name), into))
            *into = NAN;
    }
    return t;
}

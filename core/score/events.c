#include "score/events.h"

#include <math.h>

#include "base/list.h"
#include "score/exact.h"
#include "score/figure.h"

#define SHORTEST_STEP_S 0.5
#define LONGEST_STEP_S 15.0
#define MS2_PER_MPH_S 0.44704

#define ACCELERATION_MS2 1.5
#define DECELERATION_MS2 (-2.0)

/* Events below these are noise unless they are as hard as DROP_MS2. */
#define BLINK_S 0.5
#define SHORT_S 1.0
#define DROP_MS2 5.0
#define SHORT_FACTOR 1.1

#define HARD_STOP_FROM_MPH 15.0
#define HARD_STOP_TO_MPH 5.0
#define HARD_STOP_S 3.0

enum kind { KIND_NONE, KIND_ACCELERATION, KIND_DECELERATION };

enum severity {
    SEVERITY_NONE, /* not counted */
    SEVERITY_HARSH,
    SEVERITY_DANGEROUS,
    SEVERITY_EXTREME
};

static const char *const severity_names[] = {
    [SEVERITY_HARSH] = "harsh",
    [SEVERITY_DANGEROUS] = "dangerous",
    [SEVERITY_EXTREME] = "extreme",
};

/* A run of smoothed values of one kind: segments first to end - 1. */
struct run {
    enum kind kind;
    size_t first, end;
    double duration_s, mean_ms2, speed_from, speed_to, speed_change;
};

static double raw_acceleration(const struct motion *m, size_t i)
{
    double seconds = m->deltas[i].dt_ms / 1000;

    if (seconds > LONGEST_STEP_S)
        return 0;
    if (seconds < SHORTEST_STEP_S)
        seconds = SHORTEST_STEP_S;
    return (m->speed[i + 1] - m->speed[i]) / seconds * MS2_PER_MPH_S;
}

/* One value a segment, n - 1 of them. */
static double *smoothed(const struct motion *m, struct arena *a)
{
    size_t i, n = m->n - 1;
    double *out = arena_alloc_n(a, n, sizeof *out);
    double *raw = arena_alloc_n(a, n, sizeof *raw);

    for (i = 0; i < n; i++)
        raw[i] = raw_acceleration(m, i);
    for (i = 0; i < n; i++) {
        size_t from = i > 0 ? i - 1 : 0, to = i + 1 < n ? i + 1 : i;

        out[i] = exact_mean(raw + from, to - from + 1);
    }
    return out;
}

static enum kind kind_of(double ms2)
{
    return ms2 > ACCELERATION_MS2   ? KIND_ACCELERATION
           : ms2 < DECELERATION_MS2 ? KIND_DECELERATION
                                    : KIND_NONE;
}

static struct run run_at(const struct motion *m, const double *ms2,
                         size_t first)
{
    struct run r = {.kind = kind_of(ms2[first]), .first = first, .end = first};
    double ms = 0;

    for (; r.end + 1 < m->n && kind_of(ms2[r.end]) == r.kind; r.end++)
        ms += m->deltas[r.end].dt_ms;
    r.duration_s = ms / 1000;
    r.mean_ms2 = exact_mean(ms2 + first, r.end - first);
    r.speed_from = m->speed[r.first];
    r.speed_to = m->speed[r.end];
    r.speed_change = fabs(r.speed_to - r.speed_from);
    return r;
}

static bool is_noise(const struct run *r, const struct analysis *an)
{
    double size = fabs(r->mean_ms2);

    if (r->duration_s < BLINK_S && size < DROP_MS2)
        return true;
    if (r->duration_s >= BLINK_S && r->duration_s < SHORT_S &&
        size < SHORT_FACTOR * an->accel_threshold_ms2)
        return true;
    return r->speed_change < (r->duration_s < SHORT_S ? 3.0 : 2.0) &&
           size < DROP_MS2;
}

static enum severity severity_of(const struct run *r, const struct analysis *an)
{
    bool accelerates = r->kind == KIND_ACCELERATION;
    double size = fabs(r->mean_ms2);
    double harsh =
        accelerates ? an->accel_threshold_ms2 : -an->decel_threshold_ms2;

    if (size > (accelerates ? 5.0 : 6.0))
        return r->duration_s < (accelerates ? 3.0 : 2.0) ? SEVERITY_DANGEROUS
                                                         : SEVERITY_EXTREME;
    return size > harsh ? SEVERITY_HARSH : SEVERITY_NONE;
}

static double largest(const double *ms2, const struct run *r)
{
    double found = ms2[r->first];
    size_t i;

    for (i = r->first + 1; i < r->end; i++)
        if (fabs(ms2[i]) > fabs(found))
            found = ms2[i];
    return found;
}

static struct harsh_event event_of(const struct run *r, const double *ms2,
                                   enum severity severity)
{
    return (struct harsh_event){
        .segment_start = (int)r->first + 1,
        .segment_end = (int)r->end,
        .duration_s = score_round(figure_bounded(r->duration_s), 1),
        .avg_ms2 = score_round(r->mean_ms2, 2),
        .max_ms2 = score_round(largest(ms2, r), 2),
        .speed_from = score_round(r->speed_from, 1),
        .speed_to = score_round(r->speed_to, 1),
        .speed_change = score_round(r->speed_change, 1),
        .severity = severity_names[severity],
        .dangerous = severity != SEVERITY_HARSH,
        .hard_stop = r->kind == KIND_DECELERATION &&
                     r->speed_from > HARD_STOP_FROM_MPH &&
                     r->speed_to < HARD_STOP_TO_MPH &&
                     r->duration_s < HARD_STOP_S,
    };
}

static void event_count(enum severity severity, struct analysis *an)
{
    an->harsh_events++;
    an->dangerous_events += severity != SEVERITY_HARSH;
    an->breakdown.harsh += severity == SEVERITY_HARSH;
    an->breakdown.dangerous += severity == SEVERITY_DANGEROUS;
    an->breakdown.extreme += severity == SEVERITY_EXTREME;
}

static void event_keep(const struct run *r, struct harsh_event e,
                       struct arena *a, struct analysis *an)
{
    if (r->kind == KIND_ACCELERATION) {
        an->accelerations =
            list_room(a, an->accelerations, an->n_accelerations, sizeof e);
        an->accelerations[an->n_accelerations++] = e;
        an->sudden_accelerations++;
    } else {
        an->decelerations =
            list_room(a, an->decelerations, an->n_decelerations, sizeof e);
        an->decelerations[an->n_decelerations++] = e;
        an->sudden_decelerations++;
        an->hard_stops += e.hard_stop;
    }
}

void events_find(const struct motion *m, struct arena *a, struct analysis *an)
{
    size_t i = 0, n = m->n - 1;
    const double *ms2 = smoothed(m, a);
    int calm;

    while (i < n) {
        struct run r;
        enum severity severity;

        if (kind_of(ms2[i]) == KIND_NONE) {
            i++;
            continue;
        }
        r = run_at(m, ms2, i);
        i = r.end;
        severity = is_noise(&r, an) ? SEVERITY_NONE : severity_of(&r, an);
        if (severity == SEVERITY_NONE)
            continue;
        event_count(severity, an);
        event_keep(&r, event_of(&r, ms2, severity), a, an);
    }
    an->segments = (int)n;
    calm = an->segments - 3 * an->harsh_events;
    an->breakdown.normal = an->breakdown.gentle = calm > 0 ? calm / 2 : 0;
}

double events_smoothness(const struct analysis *an)
{
    double tens = fmax(1, an->distance_miles / 10);
    double k = an->context == CONTEXT_CITY      ? 0.8
               : an->context == CONTEXT_HIGHWAY ? 1.2
                                                : 1.0;
    double harsh = fmin(30, 5 * k * (an->harsh_events / tens));
    double dangerous = fmin(40, 10 * k * (an->dangerous_events / tens));

    return score_round(fmax(30, 95 - harsh - dangerous), 1);
}

#include "score/turns.h"

#include <assert.h>
#include <math.h>

#include "base/list.h"
#include "score/figure.h"

#define TURNING_DEGREES 8.0
#define SMALLEST_TURN_DEGREES 20.0
#define FEWEST_BEARINGS 3
#define FEWEST_SPEEDS 3

static double safe_speed(double angle, enum context context)
{
    static const double speeds[][4] = {
        [CONTEXT_MIXED] = {22, 30, 38, 45},
        [CONTEXT_CITY] = {15, 22, 28, 35},
        [CONTEXT_HIGHWAY] = {30, 40, 50, 60},
    };

    assert((size_t)context < sizeof speeds / sizeof *speeds);
    return speeds[context][angle > 90   ? 0
                           : angle > 60 ? 1
                           : angle > 40 ? 2
                                        : 3];
}

/* Names the severity of a turn and counts it. */
static const char *turns_rating(double ratio, struct analysis *an)
{
    an->turns++;
    if (ratio <= 1.15) {
        an->safe_turns++;
        return "safe";
    }
    if (ratio <= 1.4) {
        an->moderate_turns++;
        return "moderate";
    }
    if (ratio <= 1.7) {
        an->aggressive_turns++;
        return "aggressive";
    }
    an->dangerous_turns++;
    return "dangerous";
}

/* Changes first to end - 1 are one turn. */
static void add_turn(const struct path *path, const struct motion *m,
                     size_t first, size_t end, struct arena *a,
                     struct analysis *an)
{
    double angle = 0, mph = 0, safe, ratio;
    const char *severity;
    size_t k;

    /* Change k leads to bearing k + 1, of which there are fewer than n. */
    assert(first < end && end < m->n);
    for (k = first; k < end; k++) {
        angle += path->change[k];
        mph = fmax(mph, m->speed[k + 1]);
    }
    if (angle < SMALLEST_TURN_DEGREES)
        return;
    safe = safe_speed(angle, an->context);
    ratio = mph / safe;
    severity = turns_rating(ratio, an);
    an->turn_details =
        list_room(a, an->turn_details, an->n_turn_details, sizeof(struct turn));
    an->turn_details[an->n_turn_details++] = (struct turn){
        .angle = score_round(angle, 1),
        .speed_mph = score_round(mph, 1),
        .safe_speed_mph = safe,
        .speed_ratio = score_round(ratio, 2),
        .severity = severity,
        .duration_points = (int)(end - first),
    };
}

static double safety(const struct analysis *an)
{
    double score;

    if (an->turns == 0)
        return 95;
    score = (an->safe_turns + 0.7 * an->moderate_turns +
             0.3 * an->aggressive_turns) /
            an->turns * 100;
    if (an->dangerous_turns)
        score = fmax(20, score - 30.0 * an->dangerous_turns / an->turns);
    return score_round(score, 1);
}

void turns_judge(const struct path *path, const struct motion *m,
                 struct arena *a, struct analysis *an)
{
    size_t k = 0, first, n;

    if (path->n_bearings < FEWEST_BEARINGS || m->n < FEWEST_SPEEDS) {
        an->turn_safety = path->n_bearings == 0 ? 85 : 95;
        return;
    }
    n = path->n_bearings - 1;
    while (k < n) {
        for (first = k; k < n && path->change[k] > TURNING_DEGREES; k++)
            ;
        if (k > first)
            add_turn(path, m, first, k, a, an);
        else
            k++;
    }
    an->turn_safety = safety(an);
    an->has_turn_details = true;
}

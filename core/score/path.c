#include "score/path.h"

#include <assert.h>
#include <math.h>

#include "score/versions.h"

#define EARTH_MILES 3959.0
#define SHORTEST_MILES 0.000001
#define LONGEST_MILES 1.0
#define FIXED_POINT_FROM 0.01
#define FIXED_POINT_UNIT 1e6
#define RAW_TURN_DEGREES 20.0
#define RADIANS (M_PI / 180.0)

/* Sine and cosine are kept: each position ends one segment and starts one. */
struct position {
    double lat, lon; /* degrees */
    double lat_rad, lon_rad, sin_lat, cos_lat;
};

static struct position position_at(double lat, double lon)
{
    struct position p = {.lat = lat, .lon = lon};

    p.lat_rad = lat * RADIANS;
    p.lon_rad = lon * RADIANS;
    p.sin_lat = sin(p.lat_rad);
    p.cos_lat = cos(p.lat_rad);
    return p;
}

/* Haversine. Not a number when a position is none. */
static double miles_between(const struct position *a, const struct position *b)
{
    double dlat = sin((b->lat_rad - a->lat_rad) / 2);
    double dlon = sin((b->lon_rad - a->lon_rad) / 2);
    double h = dlat * dlat + a->cos_lat * b->cos_lat * (dlon * dlon);

    return EARTH_MILES * (2 * asin(sqrt(h)));
}

/* Initial bearing, 0 to 360 degrees. */
static double bearing(const struct position *a, const struct position *b)
{
    double dlon = b->lon_rad - a->lon_rad;
    double east = sin(dlon) * b->cos_lat;
    double north =
        a->cos_lat * b->sin_lat - a->sin_lat * b->cos_lat * cos(dlon);
    double degrees = atan2(east, north) * (180.0 / M_PI) + 360;

    return degrees >= 360 ? degrees - 360 : degrees;
}

static double change_between(double from, double to)
{
    double change = fabs(to - from);

    return change > 180 ? 360 - change : change;
}

static bool moves_fixed(const struct delta *d)
{
    return fabs(d->lat) > FIXED_POINT_FROM || fabs(d->lon) > FIXED_POINT_FROM;
}

/*
 * The first delta alone takes a car that stands at first for one that sends
 * degrees. Where the largest decides, any above the limit will do.
 */
static bool is_fixed_point(const struct delta *d, size_t n,
                           enum score_version version)
{
    bool all = score_rules_of(version)->mends->all_decide_format;
    size_t i, asked = all ? n : 1;

    for (i = 0; i < asked; i++)
        if (moves_fixed(&d[i]))
            return true;
    return false;
}

/* Takes the next path point; `last` is the one before, of `points`. */
static void add_point(struct path *path, size_t points,
                      const struct position *last, const struct position *here,
                      double *last_bearing)
{
    double b, change;

    if (points == 0)
        return;
    b = bearing(last, here);
    if (path->n_bearings > 0) {
        change = change_between(*last_bearing, b);
        path->change[path->n_bearings - 1] = change;
        path->raw_turns += change > RAW_TURN_DEGREES;
    }
    path->n_bearings++;
    *last_bearing = b;
}

void path_walk(const struct delta *d, size_t n, const struct base_point *base,
               enum score_version version, struct arena *a, struct path *out)
{
    struct position here = position_at(base->latitude, base->longitude), last;
    double unit, last_bearing = 0;
    size_t i, points = 0;

    assert(n > 0); /* 3.0 asks the first */
    *out = (struct path){.fixed_point = is_fixed_point(d, n, version)};
    out->change = arena_alloc_n(a, n, sizeof *out->change);
    unit = out->fixed_point ? FIXED_POINT_UNIT : 1;
    last = here;
    for (i = 0; i < n; i++) {
        struct position from = here;
        double miles;

        here =
            position_at(from.lat + d[i].lat / unit, from.lon + d[i].lon / unit);
        miles = miles_between(&from, &here);
        if (!(miles >= SHORTEST_MILES && miles <= LONGEST_MILES))
            continue;
        out->distance_miles += miles;
        add_point(out, points++, &last, &here, &last_bearing);
        last = here;
    }
}

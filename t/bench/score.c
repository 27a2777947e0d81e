/*
 * How fast trips are scored, in CPU time of one core. Prints numbers, judges
 * nothing.
 *
 * usage: t/bench/score [SECONDS a measurement, default 1]
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/buf.h"
#include "score/analysis_json.h"
#include "score/trip_json.h"

#define LONG_TRIP 4000
#define MICRO 1e6
#define START_US INT64_C(1766241094000000)

/* CPU time: what else runs on the machine does not count. */
static int64_t cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A drive at 1 Hz with stops, turns and a jitter that repeats in each run. */
static struct delta *drive(size_t n, struct arena *a)
{
    struct delta *d = arena_alloc_n(a, n, sizeof *d);
    uint64_t seed = 1;
    size_t i;

    for (i = 0; i < n; i++) {
        int64_t us = START_US + (int64_t)i * 1000000;
        char time[TIME_TEXT_MAX];
        double t = (double)i, jitter, mph, heading = floor(t / 25);

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        jitter = (double)(seed >> 40) / (1 << 24) - 0.5;
        mph = fmax(0, 30 + 35 * sin(t / 40) + 4 * jitter);
        d[i] = (struct delta){
            .lat = rint(mph * 4.03 * cos(heading)),
            .lon = rint(mph * 5.18 * sin(heading)),
            .dt_ms = 1000,
            .speed_mph = mph,
            .accuracy_m = 5,
            .time_us = us,
            .sequence = (double)i,
            .time_text = arena_copy(a, time_print(us, time)),
        };
    }
    return d;
}

static void put_delta(struct json_out *o, const struct delta *d, size_t i)
{
    json_begin_object(o, NULL);
    json_put_int(o, "delta_lat", (int64_t)d->lat);
    json_put_int(o, "delta_long", (int64_t)d->lon);
    json_put_double(o, "delta_time", d->dt_ms);
    json_put_str(o, "timestamp", d->time_text);
    json_put_int(o, "sequence", (int64_t)i);
    json_put_double(o, "speed_mph", d->speed_mph);
    json_put_z(o, "speed_source", "gps");
    json_put_double(o, "speed_confidence", 0.95);
    json_put_double(o, "gps_accuracy", d->accuracy_m);
    json_put_bool(o, "is_stationary", d->speed_mph < 1);
    json_put_bool(o, "is_moving", d->speed_mph >= 1);
    json_put_z(o, "activity_type", "in_vehicle");
    json_put_int(o, "activity_confidence", 87);
    json_put_z(o, "data_quality", "high");
    json_end_object(o);
}

static struct str deltas_text(size_t n, struct buf *b, struct arena *a)
{
    struct json_out o = {b, false};
    const struct delta *d = drive(n, a);
    size_t i;

    json_begin_array(&o, NULL);
    for (i = 0; i < n; i++)
        put_delta(&o, &d[i], i);
    json_end_array(&o);
    return buf_str(b);
}

static void must(enum status st)
{
    if (st != ST_OK) {
        fprintf(stderr, "%s\n", status_name(st));
        exit(EXIT_FAILURE);
    }
}

static struct score_input parse(struct str text, struct arena *a)
{
    struct delta_list list = {0};

    must(deltas_read(text, a, &list, NULL));
    return (struct score_input){
        .version = SCORE_3_1,
        .deltas = list.deltas,
        .n_deltas = list.n,
        .base = base_point_fallback,
    };
}

/* The same as a slow line brings it: each 25 points, and with them the 25
 * before once more. */
static struct delta *sent_again(const struct delta *d, size_t n,
                                struct arena *a, size_t *out_n)
{
    struct delta *out = arena_alloc_n(a, 2 * n, sizeof *out);

    *out_n = 0;
    for (size_t i = 25; i <= n; i += 25)
        for (size_t k = i > 50 ? i - 50 : 0; k < i; k++)
            out[(*out_n)++] = d[k];
    return out;
}

static void bench_score(size_t n, bool again, int64_t for_us)
{
    struct arena *kept = arena_new(1 << 20), *a = arena_new(256 << 20);
    struct score_input in = {
        .version = SCORE_3_1,
        .deltas = drive(n, kept),
        .n_deltas = n,
        .base = base_point_fallback,
    };
    struct analysis an;
    int64_t start = cpu_us(), us;
    size_t rounds = 0;

    if (again)
        in.deltas = sent_again(in.deltas, n, kept, &in.n_deltas);
    do {
        must(score_trip(&in, a, &an));
        arena_reset(a);
        rounds++;
        us = cpu_us() - start;
    } while (us < for_us);
    printf("score: %8zu deltas a trip%s: %5.2f million deltas/s\n", in.n_deltas,
           again ? ", half of them again" : "",
           (double)(in.n_deltas * rounds) / (double)us);
    arena_free(&a);
    arena_free(&kept);
}

static void whole(struct str text, struct buf *out, struct arena *a)
{
    struct json_out o = {out, false};
    struct analysis_head head = {
        .trip_id = STR_LIT("trip"),
        .start_us = START_US,
        .end_us = START_US + LONG_TRIP * INT64_C(1000000),
        .version = SCORE_3_1,
        .zone = "America/Chicago",
    };
    struct score_input in = parse(text, a);
    struct analysis an;

    must(score_trip(&in, a, &an));
    analysis_write(&head, &an, a, &o);
}

static void bench_whole(size_t n, int64_t for_us)
{
    struct arena *a = arena_new(4 << 20);
    struct buf b, out;
    struct str text;
    int64_t start, us;
    size_t rounds = 0;

    buf_init(&b, 64 << 20);
    buf_init(&out, 64 << 20);
    text = deltas_text(n, &b, a);
    start = cpu_us();
    do {
        buf_reset(&out);
        whole(text, &out, a);
        arena_reset(a);
        rounds++;
        us = cpu_us() - start;
    } while (us < for_us);
    printf("check, read, score, write: %zu deltas (%zu KB): %.2f ms a trip\n",
           n, text.n / 1024, (double)us / (double)rounds / 1000);
    buf_free(&b);
    buf_free(&out);
    arena_free(&a);
}

int main(int argc, char **argv)
{
    int64_t us = (int64_t)((argc > 1 ? atof(argv[1]) : 1) * MICRO);

    bench_score(25, false, us);
    bench_score(1000, false, us);
    bench_score(1000, true, us);
    bench_score(LONG_TRIP, false, us);
    bench_score(2000000, false, us);
    bench_whole(LONG_TRIP, us);
    return EXIT_SUCCESS;
}

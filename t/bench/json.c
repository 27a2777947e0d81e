/*
 * json.c - how fast a text is checked and walked.
 *
 *   t/bench/json [FILE]      a file's text, or else 1 MB of deltas
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"

#define ENOUGH_US 1000000

static void deltas(struct buf *b)
{
    struct json_out o = {.b = b};

    json_begin_object(&o, NULL);
    json_begin_array(&o, "deltas");
    for (int i = 0; buf_str(b).n < (1 << 20) - 400; i++) {
        json_begin_object(&o, NULL);
        json_put_int(&o, "delta_lat", i % 500 - 250);
        json_put_int(&o, "delta_long", i % 333 - 166);
        json_put_double(&o, "delta_time", 2000);
        json_put_z(&o, "timestamp", "2026-01-15T14:24:19.000Z");
        json_put_int(&o, "sequence", i);
        json_put_double(&o, "speed_mph", i / 7.0);
        json_put_z(&o, "speed_source", "gps");
        json_put_double(&o, "speed_confidence", 0.95);
        json_put_double(&o, "gps_accuracy", 5);
        json_put_bool(&o, "is_stationary", false);
        json_put_z(&o, "activity_type", "in_vehicle");
        json_put_z(&o, "data_quality", "high");
        json_end_object(&o);
    }
    json_end_array(&o);
    json_end_object(&o);
}

static void names(struct buf *b)
{
    struct json_out o = {.b = b};

    json_begin_object(&o, NULL);
    for (int i = 0; buf_str(b).n < (1 << 20) - 400; i++) {
        char name[16];

        snprintf(name, sizeof name, "%d", i);
        json_put_int(&o, name, 0);
    }
    json_end_object(&o);
}

static void file(const char *path, struct buf *b)
{
    FILE *f = fopen(path, "r");
    size_t n = 0;

    if (!f) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    do {
        char *room = buf_room(b, 65536);

        n = room ? fread(room, 1, 65536, f) : 0;
        buf_grown(b, n);
    } while (n);
    fclose(f);
}

static double walk(struct json v)
{
    struct json_iter it = json_iter(v);
    struct json key, value;
    double sum = 0, d;

    if (json_double(v, &d))
        return d;
    while (json_next(&it, &key, &value))
        sum += walk(value);
    return sum;
}

static struct json check(struct str text)
{
    struct json root;
    struct err err;

    if (json_check(text, JSON_DEPTH, &root, &err) != ST_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(EXIT_FAILURE);
    }
    return root;
}

static volatile double sink; /* or else nothing would be walked */

/* The best of all rounds in a second: others use this machine, too. */
static void measure(const char *what, struct str text, bool walking)
{
    int64_t start = clock_mono_us(), now = start, best = INT64_MAX;
    struct json root = check(text);

    while (now - start < ENOUGH_US) {
        int64_t from = now;

        if (walking)
            sink = walk(root);
        else
            root = check(text);
        now = clock_mono_us();
        if (now - from < best)
            best = now - from;
    }
    printf("%-24s %6.0f MB/s  %6.2f ms for %zu bytes\n", what,
           (double)text.n / (double)best, (double)best / 1000, text.n);
}

int main(int argc, char **argv)
{
    struct buf b;

    buf_init(&b, 1 << 28);
    if (argc > 1)
        file(argv[1], &b);
    else
        deltas(&b);
    measure("check", buf_str(&b), false);
    measure("walk, numbers read", buf_str(&b), true);
    buf_reset(&b);
    names(&b);
    measure("check, one object", buf_str(&b), false);
    buf_free(&b);
    return 0;
}

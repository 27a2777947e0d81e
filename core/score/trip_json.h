/*
 * trip_json.h - deltas and client totals out of JSON.
 *
 * "A number" below is a JSON number or a numeric string.
 */
#ifndef DG_SCORE_TRIP_JSON_H
#define DG_SCORE_TRIP_JSON_H

#include "base/err.h"
#include "base/json.h"
#include "score/score.h"

struct delta_average {
    double sum;
    size_t n;
};

/* What the answers of batch and finalize say about deltas (doc/wire.md). */
struct delta_counts {
    size_t deltas;        /* read into the list */
    size_t unusable;      /* left out: no object, or delta_lat, delta_long or
                             delta_time is no number; the store call keeps none
                             of them */
    size_t stationary;    /* is_stationary is true */
    size_t moved;         /* delta_lat or delta_long is not 0 */
    size_t accurate;      /* gps_accuracy is a number from 0 to under 10 */
    size_t high_quality;  /* data_quality is "high" */
    size_t bad_times;     /* timestamp is there and not null, and is no time */
    struct json bad_time; /* the first of them */
    size_t enhanced;      /* more than half of speed_mph, speed_confidence,
                             gps_accuracy, is_stationary, data_quality,
                             sequence, timestamp are there and not null */
    /*
     * Over those deltas whose speed_mph, speed_confidence, gps_accuracy is a
     * number, the last from 0; `n` of speed is how many carry a speed.
     */
    struct delta_average speed, confidence, accuracy;
};

/* ---- one delta, while json_check_rows hands over its members ---- */

enum delta_field {
    DELTA_LAT,
    DELTA_LON,
    DELTA_TIME,
    DELTA_SPEED,
    DELTA_CONFIDENCE,
    DELTA_ACCURACY,
    DELTA_STATIONARY,
    DELTA_QUALITY,
    DELTA_SEQUENCE,
    DELTA_TIMESTAMP,
    DELTA_FIELDS
};

/* The members that matter; starts as {0}. */
struct delta_members {
    struct json v[DELTA_FIELDS];
};

void delta_member(struct delta_members *m, struct json key, struct json value);
/*
    Keeps it, if it is one that matters.
 */
void delta_forget(struct delta_members *m);
/*
    The next delta begins.
 */

bool delta_read(const struct delta_members *m, struct arena *a,
                struct delta *d);
/*
    False if delta_lat, delta_long or delta_time is no number. d->time_text is
    a view of the member, or in the arena.
 */
void delta_count(const struct delta_members *m, const struct delta *d,
                 struct delta_counts *c);
/*
    Of a delta that was read.
 */

/* ---- many ---- */

double delta_average(struct delta_average v);
/*
    0 when no delta has it; bounded as every figure, so that it can be printed.
 */

struct delta_list {
    struct delta *deltas; /* in the arena; may move when the list grows */
    size_t n, cap;
    struct delta_counts counts;
};

void deltas_reserve(struct delta_list *list, size_t n, struct arena *a);
/*
    Room for n in all. Not needed, but a list that grows by itself leaves
    behind as much of the arena as it has in the end.
 */

enum status deltas_read(struct str text, struct arena *a,
                        struct delta_list *out, struct err *err) MUST_CHECK;
/*
    Appends the deltas of one batch, in order, and adds to the counts. *out
    starts as {0}. The text is a JSON array, checked in the one pass that reads
    it; ST_CORRUPT when it is not, and then *out is of no use any more. The
    deltas' time_text are views of it, or in the arena.
 */

struct client_totals client_totals_read(struct json trip_quality);
/*
    use: use_gps_metrics is true. The totals are JSON numbers (strings are not,
    here); NAN otherwise. For no object: not used.
 */

#endif

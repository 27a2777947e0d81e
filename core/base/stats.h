/*
 * stats.h - figures of a process, kept in memory that others can read.
 *
 * One line in stats.def a figure. A process writes to its own slot (nobody else
 * does; readers may be a moment behind) and the scoreboard sums the slots, so
 * that counting costs no process a wait for another.
 */
#ifndef DG_BASE_STATS_H
#define DG_BASE_STATS_H

#include <stdint.h>

enum counter {
#define COUNTER(name, help) STAT_##name,
#include "base/stats.def"
    STAT_COUNT
};

enum gauge {
#define GAUGE(name, help) GAUGE_##name,
#include "base/stats.def"
    GAUGE_COUNT
};

enum histogram_name {
#define HISTOGRAM(name, unit, help, ...) HISTOGRAM_##name,
#include "base/stats.def"
    HISTOGRAM_COUNT
};

#define HISTOGRAM_BOUNDS 16 /* at most */

/* C has no arrays of nothing: of a kind that has no line yet there is one,
 * which nobody can name. */
#define STATS_ROOM(count) ((count) ? (count) : 1)

struct stats {
    _Atomic uint64_t v[STAT_COUNT];
    _Atomic int64_t gauge[STATS_ROOM(GAUGE_COUNT)];
    struct {
        _Atomic uint64_t sum, bucket[HISTOGRAM_BOUNDS + 1];
    } histogram[STATS_ROOM(HISTOGRAM_COUNT)];
};

void stats_use(struct stats *slot);
/*
    From now on this process counts there. Before the first call (tests, the
    operator's command) counts go to a private slot.
 */
void stats_new_process(struct stats *slot);
/*
    Another process takes the slot over: its gauges begin at 0, all else goes
    on.
 */

void stat_add(enum counter s, uint64_t n);
uint64_t stat_get(const struct stats *slot, enum counter s);
/*
    Also of a slot that another process adds to meanwhile.
 */

const char *stat_name(enum counter s);
const char *stat_help(enum counter s);

/* ---- gauges: of living processes; the sum over them counts ---- */

void gauge_set(enum gauge g, int64_t value);
int64_t gauge_get(const struct stats *slot, enum gauge g);

const char *gauge_name(enum gauge g);
const char *gauge_help(enum gauge g);

/* ---- histograms ---- */

void histogram_add(enum histogram_name h, uint64_t value);

struct histogram {
    uint64_t count, sum;
    uint64_t bucket[HISTOGRAM_BOUNDS + 1]; /* bucket[i]: values over bound i - 1
                                              and up to bound i; the one behind
                                              the last bound has the rest */
};
void histogram_sum(const struct stats *slot, enum histogram_name h,
                   struct histogram *into);
/*
    Adds what the slot has. count is always that of the buckets; a value that is
    being added may be missing in sum.
 */

struct histogram_text {
    const char *name, *unit, *help;
    int bounds;
    uint64_t bound[HISTOGRAM_BOUNDS];
};
const struct histogram_text *histogram_text(enum histogram_name h);

#endif

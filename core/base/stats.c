#include "base/stats.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>

static struct stats private_slot, *slot = &private_slot;

void stats_use(struct stats *s)
{
    assert(s);
    slot = s;
}

void stats_new_process(struct stats *s)
{
    for (int g = 0; g < GAUGE_COUNT; g++)
        atomic_store_explicit(&s->gauge[g], 0, memory_order_relaxed);
}

/* One process, but perhaps two of its threads (beside.h). */
void stat_add(enum counter s, uint64_t n)
{
    assert(s < STAT_COUNT);
    atomic_fetch_add_explicit(&slot->v[s], n, memory_order_relaxed);
}

uint64_t stat_get(const struct stats *of, enum counter s)
{
    return atomic_load_explicit(&of->v[s], memory_order_relaxed);
}

struct stat_text {
    const char *name, *help;
};

static const struct stat_text texts[STAT_COUNT] = {
#define COUNTER(name, help) {#name, help},
#include "base/stats.def"
};

static const struct stat_text gauge_texts[STATS_ROOM(GAUGE_COUNT)] = {
#define GAUGE(name, help) {#name, help},
#include "base/stats.def"
};

const char *stat_name(enum counter s)
{
    assert(s < STAT_COUNT);
    return texts[s].name;
}

const char *stat_help(enum counter s)
{
    assert(s < STAT_COUNT);
    return texts[s].help;
}

/* ---- gauges ---- */

void gauge_set(enum gauge g, int64_t value)
{
    atomic_store_explicit(&slot->gauge[g], value, memory_order_relaxed);
}

int64_t gauge_get(const struct stats *of, enum gauge g)
{
    return atomic_load_explicit(&of->gauge[g], memory_order_relaxed);
}

const char *gauge_name(enum gauge g)
{
    return gauge_texts[g].name;
}

const char *gauge_help(enum gauge g)
{
    return gauge_texts[g].help;
}

/* ---- histograms ---- */

#define BOUNDS(...)                                                            \
    (int)(sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static const struct histogram_text
    histogram_texts[STATS_ROOM(HISTOGRAM_COUNT)] = {
#define HISTOGRAM(name, unit, help, ...)                                       \
    {#name, unit, help, BOUNDS(__VA_ARGS__), {__VA_ARGS__}},
#include "base/stats.def"
};

const struct histogram_text *histogram_text(enum histogram_name h)
{
    return &histogram_texts[h];
}

void histogram_add(enum histogram_name h, uint64_t value)
{
    const struct histogram_text *t = &histogram_texts[h];
    int i = 0;

    while (i < t->bounds && value > t->bound[i])
        i++;
    atomic_fetch_add_explicit(&slot->histogram[h].sum, value,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&slot->histogram[h].bucket[i], 1,
                              memory_order_relaxed);
}

void histogram_sum(const struct stats *of, enum histogram_name h,
                   struct histogram *into)
{
    into->sum +=
        atomic_load_explicit(&of->histogram[h].sum, memory_order_relaxed);
    for (int i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        uint64_t n = atomic_load_explicit(&of->histogram[h].bucket[i],
                                          memory_order_relaxed);

        into->bucket[i] += n;
        into->count += n;
    }
}

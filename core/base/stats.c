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

static const struct {
    const char *name, *help;
} texts[STAT_COUNT] = {
#define STAT(name, help) {#name, help},
#include "base/stats.def"
#undef STAT
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

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

/* One writer: no locked instruction is needed, only stores that are whole. */
void stat_add(enum counter s, uint64_t n)
{
    uint64_t v = atomic_load_explicit(&slot->v[s], memory_order_relaxed);

    atomic_store_explicit(&slot->v[s], v + n, memory_order_relaxed);
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
    return texts[s].name;
}

const char *stat_help(enum counter s)
{
    return texts[s].help;
}

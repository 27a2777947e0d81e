/*
 * stats.h - counters of a process, kept in memory that others can read.
 *
 * One line in stats.def a counter: name and a sentence. A process adds to its
 * own slot (plain stores of one writer; readers may be a moment behind) and
 * the scoreboard sums the slots.
 */
#ifndef DG_BASE_STATS_H
#define DG_BASE_STATS_H

#include <stdint.h>

enum counter {
#define STAT(name, help) STAT_##name,
#include "base/stats.def"
#undef STAT
    STAT_COUNT
};

struct stats {
    _Atomic uint64_t v[STAT_COUNT];
};

void stats_use(struct stats *slot);
/*
    From now on this process counts there. Before the first call (tests, the
    operator's command) counts go to a private slot.
 */
void stat_add(enum counter s, uint64_t n);
uint64_t stat_get(const struct stats *slot, enum counter s);
/*
    Also of a slot that another process adds to meanwhile.
 */

const char *stat_name(enum counter s);
const char *stat_help(enum counter s);

#endif

/*
 * outage.h - a store that does not answer is spared for as long as it kept its
 * last caller waiting.
 *
 * For calls that can go on without the store's answer. One that refuses at once
 * costs nothing and is asked each time; one that hangs has half of our time at
 * most. Of one process and thread.
 */
#ifndef DG_STORE_OUTAGE_H
#define DG_STORE_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/status.h"

struct outage { /* zeroed: none */
    int64_t until_ms;
    int64_t told_ms;
};

bool outage_is(enum status st);
/*
    Whether that is what a store returns which cannot be reached, or refuses.
 */

void outage_met(struct outage *o, int64_t began_ms);
/*
    A call that began at that clock_mono_ms() has failed by it just now.
 */
bool outage_lasts(const struct outage *o);

bool outage_tell(struct outage *o);
/*
    Whether to log it: true once in OUTAGE_TELL_MS.
 */
#define OUTAGE_TELL_MS 10000

#endif

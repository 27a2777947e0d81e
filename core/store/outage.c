#include "store/outage.h"

#include "base/clock.h"

/* Else a request_timeout of minutes would make an outage of minutes. */
#define SPARE_MAX_MS 10000

bool outage_is(enum status st)
{
    return st == ST_UNAVAILABLE || st == ST_TIMEOUT || st == ST_DENIED;
}

void outage_met(struct outage *o, int64_t began_ms)
{
    int64_t now_ms = clock_mono_ms(), took_ms = now_ms - began_ms;

    o->until_ms = now_ms + (took_ms < SPARE_MAX_MS ? took_ms : SPARE_MAX_MS);
}

bool outage_lasts(const struct outage *o)
{
    return clock_mono_ms() < o->until_ms;
}

bool outage_tell(struct outage *o)
{
    int64_t now_ms = clock_mono_ms();

    if (o->told_ms && now_ms - o->told_ms < OUTAGE_TELL_MS)
        return false;
    o->told_ms = now_ms;
    return true;
}

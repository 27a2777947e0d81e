/* What does not answer is spared for as long as it kept us waiting. */
#include "store/outage.h"

#include "base/clock.h"
#include "t/unit/tap.h"

static void spared(void)
{
    struct outage o = {0}, at_once = {0}, long_one = {0};

    CHECK(!outage_lasts(&o));
    outage_met(&o, clock_mono_ms() - 300);
    CHECK(outage_lasts(&o) && o.until_ms <= clock_mono_ms() + 300);
    o.until_ms -= 300; /* as if so much time had gone by */
    CHECK(!outage_lasts(&o));
    outage_met(&at_once, clock_mono_ms());
    CHECK(at_once.until_ms <= clock_mono_ms() + 1);
    outage_met(&long_one, clock_mono_ms() - 60000);
    CHECK(outage_lasts(&long_one) &&
          long_one.until_ms <= clock_mono_ms() + 10000);
}

static void told(void)
{
    struct outage o = {0};

    CHECK(outage_tell(&o) && !outage_tell(&o));
    o.told_ms -= OUTAGE_TELL_MS;
    CHECK(outage_tell(&o) && !outage_tell(&o));
}

static void kinds(void)
{
    CHECK(outage_is(ST_UNAVAILABLE) && outage_is(ST_TIMEOUT) &&
          outage_is(ST_DENIED));
    CHECK(!outage_is(ST_OK) && !outage_is(ST_NOT_FOUND) &&
          !outage_is(ST_CORRUPT) && !outage_is(ST_PRECONDITION));
}

int main(void)
{
    spared();
    told();
    kinds();
    return tap_end();
}

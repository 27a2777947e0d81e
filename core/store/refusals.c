#include "store/refusals.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/memory.h"
#include "store/aws_verdict.h"

/* When, in ms, and what, in one word each, so that no reader sees half of one.
 * What is a number of aws_fault_number, or HTTP's above these. 0: none. */
#define WHAT_BITS 16
#define WHAT_HTTP 10000

struct refusals {
    _Atomic uint64_t last[RIGHTS];
    _Atomic int64_t standing; /* how many of them are not 0 */
};

static struct refusals *refusals;
static bool only_trying;

void refusals_share(void)
{
    if (!refusals)
        refusals = memory_shared(sizeof *refusals);
}

void refusals_trying(bool trying)
{
    only_trying = trying;
}

bool refusals_any(void)
{
    return refusals && atomic_load(&refusals->standing) > 0;
}

static void refusal_change(enum right r, uint64_t word)
{
    uint64_t was;

    refusals_share();
    was = atomic_exchange(&refusals->last[r], word);
    atomic_fetch_add(&refusals->standing, (word != 0) - (was != 0));
}

void refusal_note(enum right r, enum status st, const struct aws_reply *reply)
{
    uint64_t what = (uint64_t)aws_fault_number(reply->fault);

    assert(r < RIGHTS);
    if (only_trying)
        return;
    if (what == 0)
        what = WHAT_HTTP + (uint64_t)reply->code;
    if (st == ST_DENIED)
        refusal_change(r, (uint64_t)clock_wall_us() / 1000 << WHAT_BITS | what);
    else if (right_shown(st) && refusals_any())
        refusal_change(r, 0);
}

bool refusal_last(enum right r, struct refusal *out)
{
    uint64_t word = refusals ? atomic_load(&refusals->last[r]) : 0;
    int what = (int)(word & ((1u << WHAT_BITS) - 1));

    if (word == 0)
        return false;
    out->at_us = (int64_t)(word >> WHAT_BITS) * 1000;
    if (what >= WHAT_HTTP)
        snprintf(out->code, sizeof out->code, "HTTP %d", what - WHAT_HTTP);
    else
        snprintf(out->code, sizeof out->code, "%s", aws_fault_name(what));
    return true;
}

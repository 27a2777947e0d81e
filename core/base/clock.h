/* clock.h - time that counts (monotonic), time of day, deadlines. */
#ifndef DG_BASE_CLOCK_H
#define DG_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

int64_t clock_mono_ms(void);
/*
    Milliseconds of CLOCK_MONOTONIC; never goes back. For waiting only.
 */

int64_t clock_mono_us(void);

int64_t clock_wall_us(void);
/*
    Microseconds since 1970 UTC. For what is stored and shown.
 */

struct deadline {
    int64_t at_ms; /* clock_mono_ms() when it is over */
};

struct deadline deadline_in(int64_t ms);
int64_t deadline_left_ms(struct deadline d);
/*
    Never negative.
 */
bool deadline_over(struct deadline d);

struct deadline deadline_sooner(struct deadline d, int64_t ms);
/*
    The earlier of d and ms from now: a part of a caller's time.
 */

void clock_sleep_ms(int64_t ms);
/*
    Sleeps all of it, signals or not: for pauses that are short (jitter, the
    next try). Who must hear a signal while waiting polls instead.
 */

#endif

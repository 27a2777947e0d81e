#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

static int64_t now_us(clockid_t id)
{
    struct timespec t;
    int rc = clock_gettime(id, &t);

    assert(rc == 0);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_mono_ms(void)
{
    return now_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_mono_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
    return now_us(CLOCK_REALTIME);
}

struct deadline deadline_in(int64_t ms)
{
    return (struct deadline){clock_mono_ms() + ms};
}

int64_t deadline_left_ms(struct deadline d)
{
    int64_t left = d.at_ms - clock_mono_ms();

    return left > 0 ? left : 0;
}

bool deadline_over(struct deadline d)
{
    return deadline_left_ms(d) == 0;
}

struct deadline deadline_sooner(struct deadline d, int64_t ms)
{
    struct deadline part = deadline_in(ms);

    return part.at_ms < d.at_ms ? part : d;
}

void clock_sleep_ms(int64_t ms)
{
    int64_t until = clock_mono_us() + ms * 1000;
    struct timespec t = {.tv_sec = until / 1000000,
                         .tv_nsec = until % 1000000 * 1000};
    int rc;

    /* Until a point in time, so that an interrupted sleep loses nothing. */
    do
        rc = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
    while (rc == EINTR);
    assert(rc == 0);
}

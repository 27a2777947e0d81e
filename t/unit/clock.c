#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include "base/clock.h"
#include "t/unit/tap.h"

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
    (void)sig;
    alarms++;
}

static void sleeping(void)
{
    struct sigaction sa = {.sa_handler = on_alarm};
    struct itimerval often = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}};
    int64_t start = clock_mono_us();

    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    clock_sleep_ms(60);
    setitimer(ITIMER_REAL, &never, NULL);
    CHECK(clock_mono_us() - start >= 60000);
    CHECK(alarms > 1);
    start = clock_mono_us();
    clock_sleep_ms(-5);
    CHECK(clock_mono_us() >= start);
}

static void deadlines(void)
{
    struct deadline d = deadline_in(60000);
    int64_t left = deadline_left_ms(d);

    CHECK(left > 50000 && left <= 60000);
    CHECK(!deadline_over(d));
    CHECK(deadline_left_ms(deadline_sooner(d, 1000)) <= 1000);
    CHECK(deadline_sooner(d, 90000).at_ms == d.at_ms);
    CHECK(deadline_over(deadline_in(0)) && deadline_over(deadline_in(-10)));
    CHECK(deadline_left_ms(deadline_in(-10)) == 0);
}

int main(void)
{
    int64_t wall = clock_wall_us() / 1000000 - time(NULL);

    CHECK(wall >= -1 && wall <= 1);
    deadlines();
    sleeping();
    return tap_end();
}

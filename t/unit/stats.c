#include "base/stats.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t/unit/tap.h"

static void counting(void)
{
    static struct stats first, second;

    stat_add(STAT_requests, 5); /* goes nowhere in particular */
    stats_use(&first);
    stat_add(STAT_requests, 1);
    stat_add(STAT_requests, 2);
    stat_add(STAT_store_retries, UINT64_C(1) << 40);
    stats_use(&second);
    stat_add(STAT_requests, 10);
    CHECK(stat_get(&first, STAT_requests) == 3);
    CHECK(stat_get(&first, STAT_store_retries) == UINT64_C(1) << 40);
    CHECK(stat_get(&first, STAT_answers_2xx) == 0);
    CHECK(stat_get(&second, STAT_requests) == 10);
}

static void names(void)
{
    bool differ = true, all = true;

    for (int i = 0; i < STAT_COUNT; i++) {
        all = all && stat_name(i)[0] && stat_help(i)[0];
        for (int j = 0; j < i; j++)
            differ = differ && strcmp(stat_name(i), stat_name(j)) != 0;
    }
    CHECK(all && differ);
    CHECK(strcmp(stat_name(STAT_requests), "requests") == 0);
    CHECK(strcmp(stat_help(STAT_trips_finalized),
                 "finalize calls answered 200") == 0);
}

/* A reader sees what another process counted. */
static void shared(void)
{
    struct stats *slot = mmap(NULL, sizeof *slot, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child;
    int how = -1;

    if (slot == MAP_FAILED)
        abort();
    child = fork();
    if (child == 0) {
        stats_use(slot);
        for (int i = 0; i < 1000; i++)
            stat_add(STAT_cache_hits, 2);
        _exit(0);
    }
    CHECK(waitpid(child, &how, 0) == child && how == 0);
    CHECK(stat_get(slot, STAT_cache_hits) == 2000);
    munmap(slot, sizeof *slot);
}

int main(void)
{
    counting();
    names();
    shared();
    return tap_end();
}

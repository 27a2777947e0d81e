#include "base/fault.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#define HOLD_LIMIT_MS 20000
#define HOLD_POLL_MS 5

static void file_of(char out[PATH_MAX], const char *name, const char *ending)
{
    int n = snprintf(out, PATH_MAX, "%s/%s%s", getenv("DRIVEGUARD_FAULTS"),
                     name, ending);

    assert(n > 0 && n < PATH_MAX);
}

/*
 * The order for this passage; false when there is none.
 */
static bool read_order(const char *name, char *order, int size)
{
    char plain[PATH_MAX], taken[PATH_MAX], always[PATH_MAX];
    FILE *f;

    file_of(plain, name, "");
    file_of(taken, name, ".taken");
    file_of(always, name, ".always");
    f = fopen(rename(plain, taken) == 0 ? taken : always, "re");
    if (!f) {
        assert(errno == ENOENT);
        return false;
    }
    if (!fgets(order, size, f))
        order[0] = '\0';
    fclose(f);
    return true;
}

static void fault_hold(const char *name)
{
    struct deadline limit = deadline_in(HOLD_LIMIT_MS);
    char go[PATH_MAX], taken[PATH_MAX];

    file_of(go, name, ".go");
    while (access(go, F_OK) < 0) {
        assert(!deadline_over(limit) && "a test forgot its .go file");
        clock_sleep_ms(HOLD_POLL_MS);
    }
    file_of(taken, name, ".taken");
    if (unlink(taken) < 0)
        assert(errno == ENOENT); /* an order for everybody */
}

bool fault_point(const char *name)
{
    char order[64];
    int64_t ms;

    if (!getenv("DRIVEGUARD_FAULTS") || !read_order(name, order, sizeof order))
        return false;
    order[strcspn(order, "\n")] = '\0';
    log_line(LOG_WARN, "fault", "point=%s order=\"%s\"", name, order);
    if (strcmp(order, "fail") == 0)
        return true;
    if (strcmp(order, "crash") == 0)
        _exit(FAULT_EXIT);
    if (strcmp(order, "hold") == 0)
        fault_hold(name);
    else if (strncmp(order, "sleep ", 6) == 0 &&
             str_to_i64(str_of(order + 6), &ms))
        clock_sleep_ms(ms);
    else
        assert(!"an order of fault.h");
    return false;
}

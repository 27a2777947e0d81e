/* What is said once, by one of all processes. */
#include "base/once.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "t/unit/tap.h"

#define PROCESSES 8
#define THINGS 500

static bool first(int n)
{
    char text[32];

    snprintf(text, sizeof text, "thing %d", n);
    return once_first(str_of(text));
}

static void alone(void)
{
    CHECK(once_first(STR_LIT("a")) && !once_first(STR_LIT("a")));
    CHECK(once_first(STR_LIT("b")) && !once_first(STR_LIT("b")));
    CHECK(!once_first(STR_LIT("a")));
    CHECK(once_first(STR_NONE) && !once_first(STR_NONE));
}

/* How many of them a child was the first with. */
static void child(int to)
{
    int n = 0;

    for (int i = 0; i < THINGS; i++)
        n += first(i);
    if (write(to, &n, sizeof n) != (ssize_t)sizeof n)
        _exit(1);
    _exit(0);
}

static void together(void)
{
    int ends[2], n, all = 0;

    if (pipe(ends))
        abort();
    for (int i = 0; i < PROCESSES; i++)
        if (fork() == 0)
            child(ends[1]);
    for (int i = 0; i < PROCESSES; i++) {
        if (read(ends[0], &n, sizeof n) != (ssize_t)sizeof n)
            abort();
        all += n;
        wait(NULL);
    }
    tap_note("%d of %d", all, THINGS);
    CHECK(all == THINGS);
    CHECK(!first(0) && !first(THINGS - 1));
}

/* More than there is room for: each is new, and nothing goes wrong. */
static void many(void)
{
    int n = 0;

    for (int i = THINGS; i < 100000; i++)
        n += first(i);
    CHECK(n == 100000 - THINGS);
    CHECK(!first(99999));
}

int main(void)
{
    once_share();
    alone();
    together();
    many();
    return tap_end();
}

#include "driver/call.h"

#include <string.h>

#include "t/unit/tap.h"

static char order[8];
static char a[] = "a", b[] = "b", l[] = "l", z[] = "z";
static int64_t until_ms;

static void note(void *ctx, struct deadline d)
{
    strcat(order, ctx);
    until_ms = d.at_ms;
}

/* Leaves one more while it is being run. */
static void leave(void *ctx, struct deadline d)
{
    note(l, d);
    call_later(ctx, note, z);
}

static void at_once(void)
{
    struct call c = {.deadline = {1}};

    order[0] = '\0';
    call_later(&c, note, a);
    CHECK(strcmp(order, "a") == 0);
    CHECK(until_ms == 1);
}

static void after_the_answer(void)
{
    struct later later = {.n = 0};
    struct call c = {.deadline = {1}, .later = &later};

    order[0] = '\0';
    call_later(&c, note, a);
    call_later(&c, leave, &c);
    call_later(&c, note, b);
    CHECK(order[0] == '\0');
    later_run(&later, (struct deadline){2});
    CHECK(strcmp(order, "albz") == 0);
    CHECK(until_ms == 2);
    later_run(&later, (struct deadline){3});
    CHECK(strcmp(order, "albz") == 0);
}

int main(void)
{
    at_once();
    after_the_answer();
    return tap_end();
}

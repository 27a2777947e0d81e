#include "driver/call.h"

#include <string.h>

#include "t/unit/tap.h"

static char order[8];
static char a[] = "a", b[] = "b", l[] = "l", z[] = "z";
static int64_t until_ms;

static void note(void *ctx, const struct call *c)
{
    strcat(order, ctx);
    until_ms = c->deadline.at_ms;
    CHECK(c->err->st == ST_OK && str_is(c->user_id, "u"));
    CHECK(!c->later || !c->request_id.n);
}

/* Leaves one more while it is being run. */
static void leave(void *ctx, const struct call *c)
{
    note(l, c);
    call_later(ctx, note, z);
}

static void at_once(void)
{
    struct call c = {.deadline = {1}, .user_id = STR_LIT("u")};

    order[0] = '\0';
    call_later(&c, note, a);
    CHECK(strcmp(order, "a") == 0);
    CHECK(until_ms == 1);
}

static void after_the_answer(void)
{
    struct later later = {.n = 0};
    struct call c = {.deadline = {1},
                     .user_id = STR_LIT("u"),
                     .arena = arena_new(0),
                     .request_id = STR_LIT("r"),
                     .later = &later};

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
    arena_free(&c.arena);
}

int main(void)
{
    at_once();
    after_the_answer();
    return tap_end();
}

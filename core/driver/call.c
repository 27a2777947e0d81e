#include "driver/call.h"

#include <assert.h>

struct call call_with(const struct call *c, struct arena *a, struct err *err)
{
    struct call other = *c;

    assert(err);
    other.arena = a;
    other.err = err;
    return other;
}

static void later_do(later_fn fn, void *ctx, struct call *c)
{
    struct err err = ERR_NONE;

    c->err = &err;
    fn(ctx, c);
}

void call_later(const struct call *c, later_fn fn, void *ctx)
{
    struct later *l = c->later;
    struct call after = *c;

    assert(fn);
    if (!l) {
        later_do(fn, ctx, &after);
        return;
    }
    assert(l->n < LATER_MAX);
    /* The request's parameters end with it. */
    after.user_id = arena_copy(c->arena, c->user_id);
    after.request_id = STR_NONE;
    l->item[l->n].fn = fn;
    l->item[l->n].ctx = ctx;
    l->item[l->n++].call = after;
}

void later_run(struct later *l, struct deadline d)
{
    for (size_t i = 0; i < l->n; i++) {
        struct call *c = &l->item[i].call;

        c->deadline = d;
        later_do(l->item[i].fn, l->item[i].ctx, c);
    }
    /* Not before: what one of them leaves for later joins this very list. */
    l->n = 0;
}

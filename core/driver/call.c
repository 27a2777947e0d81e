#include "driver/call.h"

#include <assert.h>

void call_later(const struct call *c, later_fn fn, void *ctx)
{
    struct later *l = c->later;

    if (!l) {
        fn(ctx, c->deadline);
        return;
    }
    assert(l->n < LATER_MAX);
    l->item[l->n].fn = fn;
    l->item[l->n++].ctx = ctx;
}

void later_run(struct later *l, struct deadline d)
{
    for (size_t i = 0; i < l->n; i++)
        l->item[i].fn(l->item[i].ctx, d);
    l->n = 0;
}

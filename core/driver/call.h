/* call.h - what one call has, and what it leaves for after its answer. */
#ifndef DG_DRIVER_CALL_H
#define DG_DRIVER_CALL_H

#include "base/arena.h"
#include "base/clock.h"

/* What a call leaves for after its answer: work that its client need not wait
 * for, and that another will do if this process dies before. */
#define LATER_MAX 4
typedef void (*later_fn)(void *ctx, struct deadline d);
struct later {
    struct {
        later_fn fn;
        void *ctx;
    } item[LATER_MAX];
    size_t n;
};

struct call {
    struct arena *arena;      /* reset after the answer, and what came later */
    struct deadline deadline; /* of the request */
    struct str request_id;
    struct later *later; /* NULL: nobody waits for an answer */
};

void call_later(const struct call *c, later_fn fn, void *ctx);
/*
    fn(ctx, its own deadline) once the answer has left, or its client; at once,
    with the call's deadline, when there is no `later`. ctx lives in the call's
    arena and has nothing of the request's parameters. At most LATER_MAX a call.
 */
void later_run(struct later *l, struct deadline d);
/*
    In the order in which they came, all by the same deadline; then the list is
    empty.
 */

#endif

/*
 * call.h - what one call has, and what it leaves for after its answer.
 *
 * What travels together from a use case down to the stores is one parameter:
 * where the data is, whose it is, how long it may take, where memory comes from
 * and where to say what went wrong.
 */
#ifndef DG_DRIVER_CALL_H
#define DG_DRIVER_CALL_H

#include "base/arena.h"
#include "base/clock.h"
#include "store/stores.h"

struct call {
    struct stores *stores;
    struct str user_id;       /* the driver; empty until it is known */
    struct deadline deadline; /* of the request */
    struct arena *arena;      /* reset after the answer, and what came later */
    struct err *err;
    struct str request_id;
    struct later *later; /* NULL: nobody waits for an answer */
};

struct call call_with(const struct call *c, struct arena *a, struct err *err);
/*
    The same call for work beside it, in another thread or with memory that is
    reset more often: its arena and its err are others.
 */

/* What a call leaves for after its answer: work that its client need not wait
 * for, and that another will do if this process dies before. */
#define LATER_MAX 4 /* a read leaves one, a finalize one; and some */
typedef void (*later_fn)(void *ctx, const struct call *c);
struct later {
    struct {
        later_fn fn;
        void *ctx;
        struct call call;
    } item[LATER_MAX];
    size_t n;
};

void call_later(const struct call *c, later_fn fn, void *ctx);
/*
    fn(ctx, the call with an err of its own) once the answer has left, or its
    client; at once when there is no `later`. ctx lives in the call's arena and
    has nothing of the request's parameters. At most LATER_MAX a call.
 */
void later_run(struct later *l, struct deadline d);
/*
    In the order in which they came, all by the same deadline; then the list is
    empty.
 */

#endif

#include "base/beside.h"

#include <assert.h>
#include <signal.h>
#include <stdatomic.h>

static atomic_int running;

bool beside_none(void)
{
    return running == 0;
}

void beside_start(struct beside *b, void *(*call)(void *ctx), void *ctx)
{
    sigset_t all, before;

    /* A thread inherits them. A handler that runs there would set the flag, and
     * interrupt nothing that the main loop waits in. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    b->runs = pthread_create(&b->thread, NULL, call, ctx) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (b->runs)
        running++;
    else
        call(ctx);
}

void beside_wait(struct beside *b)
{
    int failure = b->runs ? pthread_join(b->thread, NULL) : 0;

    assert(failure == 0);
    if (b->runs)
        running--;
    b->runs = false;
}

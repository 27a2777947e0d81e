/*
 * beside.h - a function that runs beside its caller until it is waited for.
 *
 * For two calls to different stores that need not wait for each other. What
 * the two use must not be shared: an arena, an err and a store belong to one
 * of them. Logging and counting may be done by both.
 */
#ifndef DG_BASE_BESIDE_H
#define DG_BASE_BESIDE_H

#include <pthread.h>
#include <stdbool.h>

struct beside {
    pthread_t thread;
    bool runs;
};

void beside_start(struct beside *b, void *(*call)(void *ctx), void *ctx);
/*
    Signals are left to the caller's thread. Where no thread can be had, the
    call is over when this returns. Its result is not used.
 */
void beside_wait(struct beside *b);
/*
    Once for each start.
 */

bool beside_none(void);
/*
    Whether nothing runs beside: for what is not thread safe.
 */

#endif

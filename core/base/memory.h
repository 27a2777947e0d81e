/*
 * memory.h - when there is none left.
 *
 * Nobody above can go on with half of a request's memory, and unwinding through
 * every layer would be tried by nobody. So whoever gets none says so here, and
 * the process ends: a worker after telling its client to come again
 * (fcgi/worker.c), anybody else as by a failed assert. The next process has
 * what the request had.
 */
#ifndef DG_BASE_MEMORY_H
#define DG_BASE_MEMORY_H

#include <stddef.h>

_Noreturn void memory_out(void);
static inline void memory_check(const void *p)
{
    if (!p)
        memory_out();
}
/*
    p is what malloc gave: NULL ends the process; memory_out for what a library
    said.
 */

void *memory_shared(size_t size);
/*
    Zeroed, for this process and all that it forks from now on, until the last
    of them ends. As above when there is none.
 */

void memory_last_words(void (*say)(void));
/*
    To be called before the end, and may end the process itself: it must not
    allocate. NULL: nothing to say.
 */

#endif

#include "base/memory.h"

#include <stdlib.h>
#include <sys/mman.h>
#include "base/log.h"

static void (*last_words)(void);

void memory_last_words(void (*say)(void))
{
    last_words = say;
}

void memory_out(void)
{
    void (*say)(void) = last_words;

    last_words = NULL; /* once, whatever they do */
    log_line(LOG_ERROR, "out_of_memory", NULL);
    if (say)
        say();
    abort();
}

void *memory_shared(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        memory_out();
    return p;
}

#include "base/memory.h"

#include <stdlib.h>
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

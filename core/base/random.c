#include "base/random.h"

#include <assert.h>
#include <stdio.h>
#include <sys/random.h>

static void fill(void *p, size_t n)
{
    /* Requests up to 256 bytes are neither interrupted nor cut: random(7). */
    ssize_t got = getrandom(p, n, 0);

    assert(n <= 256 && got == (ssize_t)n);
}

void random_hex(char out[RANDOM_HEX + 1])
{
    unsigned char bytes[RANDOM_HEX / 2];

    fill(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

uint32_t random_below(uint32_t bound)
{
    uint32_t v, surplus;

    assert(bound > 0); /* % bound */
    /* The lowest 2^32 mod bound values are drawn again: without that, small
     * results would come more often than large ones. */
    surplus = -bound % bound;
    do
        fill(&v, sizeof v);
    while (v < surplus);
    return v % bound;
}

/* random.h - unguessable and unrepeated names. */
#ifndef DG_BASE_RANDOM_H
#define DG_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define RANDOM_HEX 32
void random_hex(char out[RANDOM_HEX + 1]);
/*
    128 bits from the kernel as hexadecimal text.
 */

uint32_t random_below(uint32_t bound);
/*
    Uniform in [0, bound); for jitter.
 */

#endif

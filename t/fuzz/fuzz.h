/*
 * fuzz.h - a fuzz target, built in one of two ways.
 *
 * With clang: -fsanitize=fuzzer,address,undefined, the target alone. Without:
 * together with main.c, which replays the files and folders named on its
 * command line or, with none, prints TAP while it changes the seeds at random
 * (the same way each time), so that `make check` runs every target a little.
 */
#ifndef DG_T_FUZZ_H
#define DG_T_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/*
    Aborts (by assert) when something is wrong with the input's treatment.
 */

extern const char *const fuzz_seeds[]; /* whole inputs; NULL ends the list */
extern const char *const fuzz_words[]; /* what is worth putting into them */

#endif

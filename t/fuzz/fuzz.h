/*
 * fuzz.h - a fuzz target, built in one of two ways.
 *
 * With libFuzzer (configure --enable-fuzzer, by clang; t/fuzz/run does it):
 * together with libfuzzer.c, which hands the seeds and words over. Without:
 * together with main.c, which replays the files and folders named on its
 * command line or, with none, prints TAP while it gives the seeds as they are
 * and then changes them at random (the same way each time), so that `make
 * check` runs every target for a second.
 */
#ifndef DG_T_FUZZ_H
#define DG_T_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/*
    Aborts (by assert) when something is wrong with the input's treatment.
 */

struct fuzz_text {
    const char *p; /* NULL ends a list */
    size_t n;
};
#define FUZZ(literal)                                                          \
    {                                                                          \
        literal, sizeof literal - 1                                            \
    }
#define FUZZ_END                                                               \
    {                                                                          \
        NULL, 0                                                                \
    }

extern const struct fuzz_text fuzz_seeds[]; /* whole inputs */
extern const struct fuzz_text fuzz_words[]; /* what is worth putting in them */

#endif

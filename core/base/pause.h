/*
 * pause.h - what has failed is left alone for a while, longer each time, so
 * that it stands in nobody's way.
 */
#ifndef DG_BASE_PAUSE_H
#define DG_BASE_PAUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/str.h"

#define PAUSE_FIRST_MS 1000
#define PAUSE_MAX_MS 300000
#define PAUSE_SHARE 4

int64_t pause_next(int64_t last_ms, int64_t took_ms);
/*
    The pause after a try that took so long, when the one before it was last_ms
    (0: none): twice that, and PAUSE_SHARE times what the try took, so that what
    hangs costs a fifth of the time at most. From PAUSE_FIRST_MS to
    PAUSE_MAX_MS.
 */

/*
 * Pauses of this process, by key. Of so many keys at most: a further one takes
 * the place of that whose pause is over first.
 */
struct pauses;

struct pauses *pauses_new(size_t keys);
void pauses_free(struct pauses **p);

bool pauses_last(const struct pauses *p, struct str key);
/*
    Whether the key is to be left alone now.
 */
void pauses_failed(struct pauses *p, struct str key, struct str part,
                   int64_t took_ms);
/*
    A part of what the key stands for has failed. The pause begins when another
    part did so before: one that always fails is no reason to leave the others.
    Without parts (STR_NONE) it begins at once.
 */
void pauses_over(struct pauses *p, struct str key);
/*
    It went well: nothing is known against it any more.
 */

#endif

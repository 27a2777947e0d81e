#include "store/share.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/digest.h"
#include "base/random.h"

/* A word is the driver, and below him who has the place, from 1 on. */
#define HOLDER_BITS 16
#define HOLDER_MASK (((uint64_t)1 << HOLDER_BITS) - 1)
#define DRIVER_HEX 12

/* How much of the mean the newest one is. */
#define MEAN_OF 8
#define AGAIN_MAX_S 30

/* Not of a weak hash: nobody shall choose an id that another one's is taken
 * for. */
static uint64_t driver_word(struct str user_id)
{
    char hex[SHA256_HEX + 1];

    digest_sha256(user_id, hex);
    hex[DRIVER_HEX] = '\0';
    return (uint64_t)strtoull(hex, NULL, 16) << HOLDER_BITS;
}

static uint64_t holder_word(int number)
{
    assert(number >= 0 && (uint64_t)number < HOLDER_MASK);
    return (uint64_t)number + 1;
}

/* ---- places ---- */

static int places_of(const struct sharer *s, uint64_t driver)
{
    int n = 0;

    for (int i = 0; i < s->places; i++)
        n += (atomic_load(&s->share->place[i]) & ~HOLDER_MASK) == driver;
    return n;
}

static bool place_take(const struct sharer *s, uint64_t word)
{
    for (int i = 0; i < s->places; i++) {
        uint64_t none = 0;

        if (atomic_compare_exchange_strong(&s->share->place[i], &none, word))
            return true;
    }
    return false;
}

bool share_take(const struct sharer *s, struct str user_id)
{
    uint64_t driver = driver_word(user_id);
    int most = s->places > 1 ? s->places - 1 : 1;

    assert(s->share && s->places >= 1 && s->places <= SHARE_PLACES_MAX);
    if (!place_take(s, driver | holder_word(s->number)))
        return false;
    /* After it was taken: of two at the same moment, one sees both. */
    if (places_of(s, driver) <= most)
        return true;
    share_take_back(s->share, s->number);
    return false;
}

/* All places, whoever counts how many: a reload may have changed that. */
void share_take_back(struct share *share, int number)
{
    uint64_t holder = holder_word(number);

    for (int i = 0; i < SHARE_PLACES_MAX; i++)
        if ((atomic_load(&share->place[i]) & HOLDER_MASK) == holder)
            atomic_store(&share->place[i], 0);
}

void share_give(const struct sharer *s, int64_t since_ms)
{
    int64_t mean = atomic_load(&s->share->took_ms);
    int64_t took_ms = clock_mono_ms() - since_ms;

    share_take_back(s->share, s->number);
    atomic_store(&s->share->took_ms, mean + (took_ms - mean) / MEAN_OF);
}

unsigned share_again_s(const struct sharer *s)
{
    int64_t seconds = 1 + atomic_load(&s->share->took_ms) / 1000;

    /* Not all at the same time. */
    seconds +=
        random_below((uint32_t)(seconds < AGAIN_MAX_S ? seconds : 0) + 1);
    return (unsigned)(seconds < AGAIN_MAX_S ? seconds : AGAIN_MAX_S);
}

/* ---- what was learnt ---- */

static _Atomic uint64_t *known_at(const struct sharer *s, uint64_t driver)
{
    return &s->share->known[(driver >> HOLDER_BITS) % SHARE_KNOWN];
}

/* No driver's word is 0, which is an empty room. */
static uint64_t known_word(uint64_t driver)
{
    return driver | 1;
}

bool share_knows(const struct sharer *s, struct str user_id)
{
    uint64_t driver = driver_word(user_id);

    return s->share && atomic_load(known_at(s, driver)) == known_word(driver);
}

void share_learn(const struct sharer *s, struct str user_id, bool dear)
{
    uint64_t driver = driver_word(user_id), word = known_word(driver);

    if (!s->share)
        return;
    if (dear)
        atomic_store(known_at(s, driver), word);
    else /* if it is he who stands there */
        (void)atomic_compare_exchange_strong(known_at(s, driver), &word, 0);
}

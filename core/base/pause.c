#include "base/pause.h"

#include <assert.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/digest.h"

int64_t pause_next(int64_t last_ms, int64_t took_ms)
{
    int64_t ms = last_ms < PAUSE_MAX_MS ? 2 * last_ms : PAUSE_MAX_MS;

    assert(last_ms >= 0);
    if (ms < PAUSE_FIRST_MS)
        ms = PAUSE_FIRST_MS;
    if (took_ms >= PAUSE_MAX_MS / PAUSE_SHARE)
        return PAUSE_MAX_MS;
    if (ms < PAUSE_SHARE * took_ms)
        ms = PAUSE_SHARE * took_ms;
    return ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
}

/* By digests, which are of one length whatever the keys are. */
struct paused {
    bool used;
    unsigned char key[MD5_SIZE], part[MD5_SIZE];
    int64_t ms, until_ms;
};

struct pauses {
    size_t n;
    struct paused v[];
};

struct pauses *pauses_new(size_t keys)
{
    struct pauses *p = calloc(1, sizeof *p + keys * sizeof p->v[0]);

    assert(p && keys > 0);
    p->n = keys;
    return p;
}

void pauses_free(struct pauses **p)
{
    free(*p);
    *p = NULL;
}

static size_t pauses_find(const struct pauses *p,
                          const unsigned char key[MD5_SIZE])
{
    size_t i = 0;

    while (i < p->n && !(p->v[i].used && !memcmp(p->v[i].key, key, MD5_SIZE)))
        i++;
    return i;
}

/* The place of a new key. */
static size_t pauses_place(const struct pauses *p)
{
    size_t first = 0;

    for (size_t i = 0; i < p->n; i++) {
        if (!p->v[i].used)
            return i;
        if (p->v[i].until_ms < p->v[first].until_ms)
            first = i;
    }
    return first;
}

bool pauses_last(const struct pauses *p, struct str key)
{
    unsigned char digest[MD5_SIZE];
    size_t i;

    digest_md5(key, digest);
    i = pauses_find(p, digest);
    return i < p->n && clock_mono_ms() < p->v[i].until_ms;
}

void pauses_failed(struct pauses *p, struct str key, struct str part,
                   int64_t took_ms)
{
    unsigned char digest[MD5_SIZE], of_part[MD5_SIZE];
    struct paused *at;
    size_t i;

    digest_md5(key, digest);
    digest_md5(part, of_part);
    i = pauses_find(p, digest);
    if (i == p->n) {
        i = pauses_place(p);
        p->v[i] = (struct paused){.used = true};
        memcpy(p->v[i].key, digest, MD5_SIZE);
        memcpy(p->v[i].part, of_part, MD5_SIZE);
        if (part.n)
            return;
    }
    at = &p->v[i];
    if (part.n && !memcmp(at->part, of_part, MD5_SIZE))
        return;
    memcpy(at->part, of_part, MD5_SIZE);
    at->ms = pause_next(at->ms, took_ms);
    at->until_ms = clock_mono_ms() + at->ms;
}

void pauses_over(struct pauses *p, struct str key)
{
    unsigned char digest[MD5_SIZE];
    size_t i;

    digest_md5(key, digest);
    i = pauses_find(p, digest);
    if (i < p->n)
        p->v[i] = (struct paused){.used = false};
}

#include "service/email_hints.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "driver/driver.h"
#include "store/keys.h"

/* Direct mapped: a newer text on the same place takes it. 1.7 MB a worker, of
 * which only the pages that are used are there. */
#define HINTS 4096

struct email_hints {
    struct hint_place {
        char text[EMAIL_MAX + 1];
        char user_id[ID_MAX + 1];
        bool by_email, by_id;
        int64_t until_ms; /* 0: for good */
    } at[HINTS];
};

struct email_hints *email_hints_new(void)
{
    struct email_hints *h = calloc(1, sizeof *h);

    assert(h);
    return h;
}

void email_hints_free(struct email_hints **h)
{
    free(*h);
    *h = NULL;
}

static size_t hint_at(struct hint_key key)
{
    uint64_t x = 14695981039346656037u + key.by_email; /* FNV-1a */

    for (size_t i = 0; i < key.text.n; i++)
        x = (x ^ (unsigned char)key.text.p[i]) * 1099511628211u;
    return (x ^ x >> 32) % HINTS;
}

static bool hint_is_of(const struct hint_place *p, struct hint_key key)
{
    return p->text[0] && p->by_email == key.by_email &&
           str_is(key.text, p->text);
}

bool email_hint(const struct email_hints *h, struct hint_key key,
                struct arena *a, struct hint *out)
{
    const struct hint_place *p = &h->at[hint_at(key)];

    assert(key.text.n);
    if (!hint_is_of(p, key) || (p->until_ms && clock_mono_ms() >= p->until_ms))
        return false;
    *out = (struct hint){arena_copy(a, str_of(p->user_id)), p->by_id};
    return true;
}

void email_hint_set(struct email_hints *h, struct hint_key key,
                    struct hint hint, int64_t ms)
{
    struct hint_place *p = &h->at[hint_at(key)];

    /* Cut ones would be hints for somebody else. */
    assert(key.text.n && key.text.n <= EMAIL_MAX);
    assert(hint.user_id.n && hint.user_id.n <= ID_MAX);
    *p = (struct hint_place){.by_email = key.by_email,
                             .by_id = hint.by_id,
                             .until_ms = ms ? clock_mono_ms() + ms : 0};
    snprintf(p->text, sizeof p->text, "%.*s", STR_ARG(key.text));
    snprintf(p->user_id, sizeof p->user_id, "%.*s", STR_ARG(hint.user_id));
}

void email_hint_drop(struct email_hints *h, struct hint_key key)
{
    struct hint_place *p = &h->at[hint_at(key)];

    if (hint_is_of(p, key))
        p->text[0] = '\0';
}

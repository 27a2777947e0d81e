#include "service/email_hints.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "driver/driver.h"
#include "store/keys.h"

/* Direct mapped: a newer e-mail on the same place takes it. 1.6 MB a worker, of
 * which only the pages that are used are there. */
#define HINTS 4096

struct email_hints {
    struct hint {
        char email[EMAIL_MAX + 1];
        char user_id[ID_MAX + 1];
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

static size_t hint_place(struct str email)
{
    uint64_t x = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < email.n; i++)
        x = (x ^ (unsigned char)email.p[i]) * 1099511628211u;
    return (x ^ x >> 32) % HINTS;
}

bool email_hint(const struct email_hints *h, struct str email, struct arena *a,
                struct str *user_id)
{
    const struct hint *e = &h->at[hint_place(email)];

    assert(email.n);
    if (!e->email[0] || !str_is(email, e->email))
        return false;
    *user_id = arena_copy(a, str_of(e->user_id));
    return true;
}

void email_hint_set(struct email_hints *h, struct str email, struct str user_id)
{
    struct hint *e = &h->at[hint_place(email)];

    /* Cut ones would be hints for somebody else. */
    assert(email.n && email.n <= EMAIL_MAX);
    assert(user_id.n && user_id.n <= ID_MAX);
    snprintf(e->email, sizeof e->email, "%.*s", STR_ARG(email));
    snprintf(e->user_id, sizeof e->user_id, "%.*s", STR_ARG(user_id));
}

void email_hint_drop(struct email_hints *h, struct str email)
{
    struct hint *e = &h->at[hint_place(email)];

    if (str_is(email, e->email))
        e->email[0] = '\0';
}

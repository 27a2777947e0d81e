#include "service/driver.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/log.h"
#include "base/stats.h"
#include "store/keys.h"

/* Direct mapped: a newer e-mail on the same place takes it. */
#define HINTS 4096

struct driver_hints {
    struct hint {
        char email[EMAIL_MAX + 1];
        char user_id[ID_MAX + 1];
    } at[HINTS];
};

struct driver_hints *driver_hints_new(void)
{
    struct driver_hints *h = calloc(1, sizeof *h);

    assert(h);
    return h;
}

void driver_hints_free(struct driver_hints **h)
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

bool driver_hint(const struct driver_hints *h, struct str email,
                 struct arena *a, struct str *user_id)
{
    const struct hint *e = &h->at[hint_place(email)];

    if (!e->email[0] || !str_is(email, e->email))
        return false;
    *user_id = arena_copy(a, str_of(e->user_id));
    return true;
}

void driver_hint_set(struct driver_hints *h, struct str email,
                     struct str user_id)
{
    struct hint *e = &h->at[hint_place(email)];

    assert(email.n <= EMAIL_MAX && user_id.n <= ID_MAX);
    snprintf(e->email, sizeof e->email, "%.*s", STR_ARG(email));
    snprintf(e->user_id, sizeof e->user_id, "%.*s", STR_ARG(user_id));
}

void driver_hint_drop(struct driver_hints *h, struct str email)
{
    struct hint *e = &h->at[hint_place(email)];

    if (str_is(email, e->email))
        e->email[0] = '\0';
}

bool driver_email_plausible(struct str email)
{
    size_t at = 0;

    if (email.n < 3 || email.n > EMAIL_MAX)
        return false;
    for (size_t i = 0; i < email.n; i++) {
        unsigned char c = (unsigned char)email.p[i];

        if (c <= ' ' || c == 127)
            return false;
        if (c == '@' && at++)
            return false;
    }
    return at == 1 && email.p[0] != '@' && email.p[email.n - 1] != '@';
}

struct str driver_email_lower(struct str email, struct arena *a)
{
    char *p = arena_z(a, email);

    for (size_t i = 0; i < email.n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] | 0x20);
    return (struct str){p, email.n};
}

enum status driver_changed(struct stores *s, struct str user_id,
                           struct deadline d, struct err *err)
{
    struct err why = ERR_NONE;
    enum status st;

    if (cache_replace_token(s->cache, user_id, d, &why) == ST_OK)
        return ST_OK;
    if ((st = spool_token_add(s->spool, user_id, err)) != ST_OK)
        return st;
    stat_add(STAT_tokens_remembered, 1);
    log_err(LOG_WARN, "token_remembered", &why);
    return ST_OK;
}

enum status driver_put(struct service *s, const struct user *u,
                       struct deadline d, struct err *err)
{
    enum status st = records_user_put(s->stores->records, u, d, err);

    return st == ST_OK ? driver_changed(s->stores, u->user_id, d, err) : st;
}

enum status driver_remove(struct service *s, struct str user_id,
                          struct deadline d, struct err *err)
{
    enum status st = records_user_remove(s->stores->records, user_id, d, err);

    return st == ST_OK ? driver_changed(s->stores, user_id, d, err) : st;
}

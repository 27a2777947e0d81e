#include "driver/driver.h"

#include <assert.h>
#include "base/log.h"
#include "base/stats.h"

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
    return arena_lower(a, email);
}

enum status driver_changed(const struct call *c)
{
    const struct debt owed = {.kind = DEBT_token, .user_id = c->user_id};
    struct err why = ERR_NONE;
    enum status st;

    assert(c->user_id.n);
    if (cache_replace_token(c->stores->cache, c->user_id, c->deadline, &why) ==
        ST_OK)
        return ST_OK;
    /* Whether or not the cache has heard: a token that is replaced twice costs
     * a miss, one that is not lets readers see what was before (rule 6). */
    if ((st = spool_add(c->stores->spool, &owed, c->err)) != ST_OK)
        return st;
    stat_add(STAT_tokens_remembered, 1);
    log_err(LOG_WARN, "token_remembered", &why);
    return ST_OK;
}

/* reading_user.c - users whom others change or remove without a word to us. */
#include "answer/reading.h"
#include "base/log.h"
#include "base/stats.h"
#include "driver/roster.h"

/* Who waits for the record has his answer in hand already. */
#define ASK_MS 1000

void reading_forget(struct reading *r)
{
    struct err err = ERR_NONE;

    if (!r->token.z[0])
        return;
    /* Not by driver_changed: what the spool remembered would be that somebody
     * asked for a stranger. Other readers look for themselves in user_ttl. */
    if (cache_replace_token(r->call.stores->cache, r->call.user_id,
                            r->call.deadline, &err) != ST_OK)
        log_err(LOG_WARN, "user_not_forgotten", &err);
}

static void tell_unchecked(struct stores *s, int64_t began_ms,
                           const struct err *why)
{
    outage_met(&s->users_away, began_ms);
    if (outage_tell(&s->users_away))
        log_err(LOG_WARN, "user_unchecked", why);
}

static void remember_seen(struct reading *r, const struct cache_entry *e,
                          int64_t began_ms)
{
    int64_t took_ms = clock_mono_ms() - began_ms;
    int64_t left_ms = r->call.stores->conf->cache_user_ttl - took_ms;
    struct err err = ERR_NONE;

    if (left_ms > 0 &&
        cache_user_seen(r->call.stores->cache, r->call.user_id, &e->token,
                        e->user, left_ms, r->call.deadline, &err) != ST_OK)
        log_err(LOG_DEBUG, "user_seen_not_kept", &err);
}

/* ST_OK: the record says what it said; ST_NOT_FOUND: something else, or it is
 * gone; or the failure to read it. */
static enum status ask_again(struct reading *r, const struct cache_entry *e,
                             struct deadline d, struct err *err)
{
    char state[USER_STATE + 1];
    struct user u;
    enum status st =
        records_user(r->call.stores->records, r->call.user_id,
                     deadline_sooner(d, ASK_MS), r->call.arena, &u, err);

    stat_add(STAT_users_checked, 1);
    if (st != ST_OK)
        return st;
    user_state(&u, state);
    return str_is(e->user, state) ? ST_OK : ST_NOT_FOUND;
}

static bool user_is_same(struct reading *r, const struct cache_entry *e,
                         struct deadline d)
{
    int64_t began_ms = clock_mono_ms();
    struct stores *s = r->call.stores;
    struct err err = ERR_NONE;
    struct log_value space;
    enum status st = ask_again(r, e, d, &err);

    if (st == ST_OK) {
        remember_seen(r, e, began_ms);
        return true;
    }
    if (st == ST_NOT_FOUND) {
        stat_add(STAT_users_changed, 1);
        log_line(LOG_INFO, "user_changed_elsewhere", "user_id=%s",
                 log_quoted(r->call.user_id, &space));
        return false;
    }
    stat_add(STAT_users_unchecked, 1);
    tell_unchecked(s, began_ms, &err);
    return true;
}

bool reading_user_stands(struct reading *r, const struct cache_entry *e,
                         struct deadline d)
{
    struct stores *s = r->call.stores;
    int64_t age_ms = clock_wall_us() / 1000 - e->read_began_ms;
    int64_t ttl_ms = s->conf->cache_user_ttl;

    /* With 0 not even what a clock ahead of ours has dated. */
    if (e->user_seen || (ttl_ms && age_ms < ttl_ms))
        return true;
    if (outage_lasts(&s->users_away)) {
        stat_add(STAT_users_unchecked, 1);
        return true;
    }
    if (user_is_same(r, e, d))
        return true;
    reading_forget(r);
    return false;
}

#include "service/namesakes.h"

#include <assert.h>
#include "base/log.h"
#include "base/stats.h"
#include "driver/driver.h"
#include "store/keys.h"

struct namesake {
    struct str user_id;
    size_t trips; /* of the first page of the listing */
};

/* An index may lag behind: those whose records have it. */
static enum status namesakes_prove(const struct call *c, struct str email,
                                   const struct email_ids *ids,
                                   struct namesake *out, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < ids->n; i++) {
        struct user u;
        enum status st = ST_NOT_FOUND;

        if (id_valid(ids->id[i]))
            st = records_user(c->stores->records, ids->id[i], c->deadline,
                              c->arena, &u, c->err);
        if (st == ST_OK && str_eq(u.email, email))
            out[(*n)++] = (struct namesake){.user_id = ids->id[i]};
        else if (st != ST_OK && st != ST_NOT_FOUND)
            return st;
        err_clear(c->err);
    }
    return ST_OK;
}

static enum status count_trip(void *ctx, const struct object_entry *e)
{
    struct namesake *who = ctx;
    struct str user_id, trip_id;
    int64_t end_ms;

    who->trips += key_parse_trip(e->key, &user_id, &trip_id, &end_ms);
    return ST_OK;
}

/* All at once. */
static enum status namesakes_count(const struct call *c, struct namesake *who,
                                   size_t n)
{
    struct object_range range[EMAIL_IDS_MAX];

    assert(n <= EMAIL_IDS_MAX);
    for (size_t i = 0; i < n; i++)
        range[i] = (struct object_range){
            .prefix = key_trips_prefix(c->arena, who[i].user_id),
            .one_page = true,
            .listed = count_trip,
            .ctx = &who[i]};
    return objects_look(c->stores->objects, range, n, NULL, 0, 0, c->deadline,
                        NULL, NULL, c->err);
}

/* A line for each of the others, with both ids. */
static void namesakes_tell(const struct namesake *who, size_t n,
                           const struct namesake *chosen)
{
    struct log_value one, other;

    for (size_t i = 0; i < n; i++)
        if (&who[i] != chosen)
            log_line(LOG_WARN, "email_of_several",
                     "user_id=%s other_user_id=%s text=\"both have the same "
                     "e-mail; whoever asks for it gets the one with most "
                     "trips, which is the first\"",
                     log_quoted(chosen->user_id, &one),
                     log_quoted(who[i].user_id, &other));
}

enum status namesake_choose(const struct call *c, struct str email,
                            const struct email_ids *ids, struct str *user_id,
                            bool *several)
{
    struct namesake who[EMAIL_IDS_MAX], *chosen = who;
    size_t n;
    enum status st = namesakes_prove(c, email, ids, who, &n);

    *several = n > 1;
    if (st == ST_OK && n == 0)
        return err_set(c->err, ST_NOT_FOUND, NULL, "nobody has that e-mail");
    if (st == ST_OK && n > 1)
        st = namesakes_count(c, who, n);
    if (st != ST_OK)
        return st;
    for (size_t i = 1; i < n; i++)
        if (who[i].trips > chosen->trips)
            chosen = &who[i];
    if (*several) {
        stat_add(STAT_emails_of_several, 1);
        namesakes_tell(who, n, chosen);
    }
    *user_id = chosen->user_id;
    return ST_OK;
}

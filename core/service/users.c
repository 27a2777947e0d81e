#include "service/users.h"

#include <assert.h>
#include "driver/driver.h"

struct putting {
    const struct call *c;
    const struct user *user;
    records_user_ended ended;
    void *ctx;
    enum status st; /* of the tokens: the first failure */
};

static void put_ended(void *ctx, size_t i, enum status st,
                      const struct err *err)
{
    struct putting *p = ctx;
    struct call c = *p->c;

    c.user_id = p->user[i].user_id;
    if (st == ST_OK) {
        enum status told = driver_changed(&c);

        /* Not to be acknowledged; the others' are delivered all the same. */
        if (told != ST_OK) {
            p->st = p->st == ST_OK ? told : p->st;
            return;
        }
    }
    p->ended(p->ctx, i, st, err);
}

enum status users_put(const struct call *c, const struct user *u, size_t n,
                      records_user_ended ended, void *ctx)
{
    struct putting p = {c, u, ended, ctx, ST_OK};
    enum status st = records_users_put(c->stores->records, u, n, c->deadline,
                                       put_ended, &p, c->err);

    return st == ST_OK ? p.st : st;
}

enum status user_remove(const struct call *c)
{
    enum status st;

    assert(c->user_id.n);
    st = records_user_remove(c->stores->records, c->user_id, c->deadline,
                             c->err);
    return st == ST_OK ? driver_changed(c) : st;
}

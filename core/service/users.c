#include "service/users.h"

#include <assert.h>
#include "driver/driver.h"

enum status user_put(const struct call *c, const struct user *u)
{
    enum status st;

    assert(str_eq(u->user_id, c->user_id));
    st = records_user_put(c->stores->records, u, c->deadline, c->err);
    return st == ST_OK ? driver_changed(c) : st;
}

enum status user_remove(const struct call *c)
{
    enum status st;

    assert(c->user_id.n);
    st = records_user_remove(c->stores->records, c->user_id, c->deadline,
                             c->err);
    return st == ST_OK ? driver_changed(c) : st;
}

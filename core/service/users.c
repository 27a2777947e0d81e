#include "service/users.h"

#include "driver/driver.h"

enum status user_put(struct service *s, const struct user *u, struct deadline d,
                     struct err *err)
{
    enum status st = records_user_put(s->stores->records, u, d, err);

    return st == ST_OK ? driver_changed(s->stores, u->user_id, d, err) : st;
}

enum status user_remove(struct service *s, struct str user_id,
                        struct deadline d, struct err *err)
{
    enum status st = records_user_remove(s->stores->records, user_id, d, err);

    return st == ST_OK ? driver_changed(s->stores, user_id, d, err) : st;
}

/* users.h - the operator's changes of a user: the record, then the token. */
#ifndef DG_SERVICE_USERS_H
#define DG_SERVICE_USERS_H

#include "service/service.h"

enum status user_put(struct service *s, const struct user *u, struct deadline d,
                     struct err *err) MUST_CHECK;
enum status user_remove(struct service *s, struct str user_id,
                        struct deadline d, struct err *err) MUST_CHECK;
/*
    Trips and analyses stay as they are.
 */

#endif

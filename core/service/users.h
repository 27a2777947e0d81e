/* users.h - the operator's changes of a user: the record, then the token. */
#ifndef DG_SERVICE_USERS_H
#define DG_SERVICE_USERS_H

#include "driver/call.h"

enum status user_put(const struct call *c, const struct user *u) MUST_CHECK;
enum status user_remove(const struct call *c) MUST_CHECK;
/*
    c: of that user. Trips and analyses stay as they are.
 */

#endif

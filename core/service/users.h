/* users.h - the operator's changes of a user: the record, then the token. */
#ifndef DG_SERVICE_USERS_H
#define DG_SERVICE_USERS_H

#include "driver/call.h"

enum status users_put(const struct call *c, const struct user *u, size_t n,
                      records_user_ended ended, void *ctx) MUST_CHECK;
/*
    As records_users_put, and then the token of each; c's user_id means nothing.
    ended is told when readers see that user.
 */
enum status user_remove(const struct call *c) MUST_CHECK;
/*
    c: of that user. Trips and analyses stay as they are.
 */

#endif

/* user.h - what the user commands share. */
#ifndef DG_CTL_USER_H
#define DG_CTL_USER_H

#include "ctl/ctl.h"
#include "driver/call.h"

/* What every one of them has open. */
struct user_session {
    struct call call;
    FILE *input; /* of a command that reads a file */
    size_t refused;
    struct err err;
};

int user_session(const struct ctl *ctl, const char *arg,
                 enum status (*work)(struct user_session *s, const char *arg));
/*
    Opens the stores, works, closes them; the command's exit status: also
    CTL_FAILED when s->refused.
 */

#endif

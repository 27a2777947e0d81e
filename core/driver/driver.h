/*
 * driver.h - what an e-mail may be, and telling all readers that a driver
 * changed.
 */
#ifndef DG_DRIVER_DRIVER_H
#define DG_DRIVER_DRIVER_H

#include "driver/call.h"

#define EMAIL_MAX 254 /* no longer one gets through mail (RFC 5321) */

bool driver_email_plausible(struct str email);
/*
    Something before and behind one '@', no blanks or control bytes, at most
    EMAIL_MAX bytes. Anything else is nobody's address.
 */

struct str driver_email_lower(struct str email, struct arena *a);
/*
    As the users' table has it: ASCII letters lowered.
 */

enum status driver_changed(const struct call *c) MUST_CHECK;
/*
    To be called after any change of a driver's objects or user record and
    before that change is acknowledged: replaces the cache token, or, if the
    cache cannot be reached, remembers it durably in the spool. Fails only
    when neither can be done (doc/consistency.md, rules 5 and 6).
 */

#endif

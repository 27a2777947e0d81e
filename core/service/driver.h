/*
 * driver.h - who a driver is, and telling all readers that he changed.
 */
#ifndef DG_SERVICE_DRIVER_H
#define DG_SERVICE_DRIVER_H

#include "service/service.h"

#define EMAIL_MAX 254

struct driver_hints *driver_hints_new(void);
void driver_hints_free(struct driver_hints **h);
/*
    Which user_id an e-mail had when it was last looked up, for a bounded
    number of e-mails. Only a hint: it saves the look-up of the id, and the
    answer is given only if the driver's own record (or a cache entry under
    the driver's token) still has that e-mail.
 */

bool driver_hint(const struct driver_hints *h, struct str email,
                 struct arena *a, struct str *user_id);
void driver_hint_set(struct driver_hints *h, struct str email,
                     struct str user_id);
void driver_hint_drop(struct driver_hints *h, struct str email);

bool driver_email_plausible(struct str email);
/*
    Something before and behind one '@', no blanks or control bytes, at most
    EMAIL_MAX bytes. Anything else is nobody's address.
 */

struct str driver_email_lower(struct str email, struct arena *a);
/*
    As the users' table has it: ASCII letters lowered.
 */

enum status driver_changed(struct stores *s, struct str user_id,
                           struct deadline d, struct err *err) MUST_CHECK;
/*
    To be called after any change of a driver's objects or user record and
    before that change is acknowledged: replaces the cache token, or, if the
    cache cannot be reached, remembers it durably in the spool. Fails only
    when neither can be done (rules 5 and 6 of DESIGN.md).
 */

enum status driver_put(struct service *s, const struct user *u,
                       struct deadline d, struct err *err) MUST_CHECK;
enum status driver_remove(struct service *s, struct str user_id,
                          struct deadline d, struct err *err) MUST_CHECK;
/*
    The operator's changes: the record, then the token. driver_remove leaves
    trips and analyses as they are.
 */

#endif

/*
 * email_hints.h - which user_id an e-mail had when it was last looked up.
 *
 * For a bounded number of e-mails. Only a hint: it saves the look-up of the id,
 * and the answer is given only if the driver's own record (or a cache entry
 * under the driver's token) still has that e-mail.
 */
#ifndef DG_SERVICE_EMAIL_HINTS_H
#define DG_SERVICE_EMAIL_HINTS_H

#include <stdbool.h>
#include "base/arena.h"
#include "base/str.h"

struct email_hints;

struct email_hints *email_hints_new(void);
/*
    One a process; never NULL.
 */
void email_hints_free(struct email_hints **h);

bool email_hint(const struct email_hints *h, struct str email, struct arena *a,
                struct str *user_id);
void email_hint_set(struct email_hints *h, struct str email,
                    struct str user_id);
void email_hint_drop(struct email_hints *h, struct str email);
/*
    The e-mail is lower case, of EMAIL_MAX bytes at most, the id valid: what the
    records gave. Dropping one that is not there does nothing.
 */

#endif

/*
 * email_hints.h - who was meant when something with an `@` was last looked up.
 *
 * For a bounded number of texts. Only a hint: it saves the look-up of the id,
 * and the answer is given only if the driver's own record (or a cache entry
 * under the driver's token) still has that e-mail, or that id.
 */
#ifndef DG_SERVICE_EMAIL_HINTS_H
#define DG_SERVICE_EMAIL_HINTS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/str.h"

/* What a reader asked for: the same text may mean another driver under the
 * other parameter. */
struct hint_key {
    struct str text; /* as given, EMAIL_MAX bytes at most */
    bool by_email;   /* the parameter's name */
};

struct hint {
    struct str user_id; /* valid */
    bool by_id;         /* the text is his id, not his e-mail */
};

/* How long a hint is believed that a newer user may make wrong although its
 * driver stays as he is. */
#define HINT_SHORT_MS 60000
#define HINT_LONG_MS 3600000

struct email_hints;

struct email_hints *email_hints_new(void);
/*
    One a process; never NULL.
 */
void email_hints_free(struct email_hints **h);

bool email_hint(const struct email_hints *h, struct hint_key key,
                struct arena *a, struct hint *out);
void email_hint_set(struct email_hints *h, struct hint_key key,
                    struct hint hint, int64_t ms);
void email_hint_drop(struct email_hints *h, struct hint_key key);
/*
    ms: how long it is believed; 0: until it is dropped or its place is taken.
    Dropping one that is not there does nothing.
 */

#endif

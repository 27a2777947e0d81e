/*
 * email_roll.h - which user has which e-mail, as a reading of all users saw it.
 *
 * Where the table of users has no index by e-mail, a look-up would have to read
 * all of it. So a host keeps what one reading found, in a file of its spool
 * folder: a hash of each e-mail, sorted, with the user's id. All processes of
 * the host use the same file; one makes it, the others wait for it. It says
 * what an index says, and lags behind as one does: who takes an id out of it
 * looks into the user's record.
 */
#ifndef DG_STORE_EMAIL_ROLL_H
#define DG_STORE_EMAIL_ROLL_H

#include "store/records.h"

#define EMAIL_ROLL_USERS 2000000                     /* 32 MB of hashes, and */
#define EMAIL_ROLL_BYTES ((size_t)128 * 1024 * 1024) /* of ids */

struct email_roll;

struct email_roll *email_roll_new(const char *folder, struct str of);
/*
    One a process; never NULL. folder: server.spool, which must outlive it. of:
    whose users they are; a roll of others' counts as none.
 */
void email_roll_free(struct email_roll **r);

bool email_roll_find(struct email_roll *r, struct str email, struct arena *a,
                     struct email_ids *out, int64_t *read_us);
/*
    False: there is none on this host. *read_us: when its reading began, by the
    wall clock; out->n is 0 when it has nobody of that e-mail (lower case).
 */

enum status email_roll_lock(struct email_roll *r, struct deadline d, int *lock,
                            struct err *err) MUST_CHECK;
void email_roll_unlock(int *lock);
/*
    One process reads for all: waits until nobody else does. ST_TIMEOUT; and
    what a file system refuses, when the folder cannot be used.
 */

/* ---- a new one ---- */

struct roll_draft;

struct roll_draft *roll_draft_new(void);
/*
    To be made before the reading: its time counts from here.
 */
void roll_draft_free(struct roll_draft **d);
enum status roll_draft_add(struct roll_draft *d, struct str email,
                           struct str user_id, struct err *err) MUST_CHECK;
/*
    Copied; the e-mail lower case. ST_UNAVAILABLE (too_many_users) over the
    bounds above.
 */
size_t roll_draft_users(const struct roll_draft *d);

bool email_roll_due_warning(const struct email_roll *r);
/*
    Whether nobody has warned of the missing index for a day, by the roll that
    was last found: who makes the next one does.
 */
enum status email_roll_publish(struct email_roll *r, struct roll_draft *d,
                               bool warned, struct err *err) MUST_CHECK;
/*
    It is the host's from now on.
 */

enum status email_roll_add(struct email_roll *r, struct str email,
                           struct str user_id, struct err *err) MUST_CHECK;
/*
    This process has given that user that e-mail: who asks on this host need not
    wait for the next reading. Nothing when there is no roll.
 */

#endif

/*
 * user_file.h - users in the files that an operator has.
 *
 *   [{...}, {...}]              plain objects; or one alone
 *   {"Items": [...], ...}       what `aws dynamodb scan` prints
 *   {"Item": {...}}             a line each: DynamoDB's export to S3
 *   {...}                       a line each
 *
 * Each user may be plain or in DynamoDB's own form (user_json.h).
 */
#ifndef DG_DRIVER_USER_FILE_H
#define DG_DRIVER_USER_FILE_H

#include "driver/user_json.h"

struct user_entry {
    size_t place;     /* in the list, or its line; from 1 */
    struct user user; /* shares_email: another in the file has the same */
    struct str why;   /* why it is refused; empty: it is not */
    const struct user_entry *like; /* the first with that e-mail, if another */
};

struct user_file {
    struct user_entry *entry;
    size_t n;
    bool lines; /* a line each */
};

enum status user_file_read(struct str text, struct arena *a,
                           struct user_file *out, struct err *err) MUST_CHECK;
/*
    Everything in it; text lives as long as out. ST_BAD_REQUEST for a file that
    is none of the above. What is wrong with one user, or one line, is in its
    `why`, and so is an id that occurred before: the first counts.
 */

#endif

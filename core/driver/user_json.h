/*
 * user_json.h - users as the operator's files have them: a JSON list (or one
 * object) of {user_id, email, name, role, zipcode, base_point {latitude,
 * longitude, city, state, source, zipcode}, privacy_settings
 * {anonymizationRadius, dataRetentionPeriod, consentLevel}}.
 */
#ifndef DG_DRIVER_USER_JSON_H
#define DG_DRIVER_USER_JSON_H

#include "store/records.h"

struct user_list {
    struct user *user;
    size_t n;
};

enum status users_parse(struct str text, struct arena *a, struct user_list *out,
                        struct err *err) MUST_CHECK;
/*
    All or nothing. ST_BAD_REQUEST names the position in the list, the member,
    and what it must be: user_id and email are required, the email is lowered,
    an unknown member is refused (it would be lost without a word), and so is
    an id or email that occurs twice.
 */

struct str user_print(const struct user *u, struct arena *a);
/*
    One user, indented, in the same shape: users_parse reads it back.
 */

#endif

/*
 * user_json.h - one user as the operator's files have it: a JSON object of
 * user_id, email, name, role, zipcode, base_point {latitude, longitude, city,
 * state, source, zipcode}, privacy_settings {anonymizationRadius,
 * dataRetentionPeriod, consentLevel}, and whatever others have put there.
 */
#ifndef DG_DRIVER_USER_JSON_H
#define DG_DRIVER_USER_JSON_H

#include "base/json.h"
#include "store/records.h"

enum status user_read(struct json v, struct arena *a, struct user *out,
                      struct err *err) MUST_CHECK;
/*
    For records_user_put: what the object does not name is kept (out->keeps), a
    member that is null is removed, members that are not ours are in
    out->foreign. The email is lowered. When the user_id is an object
    ({"S":"u1"}), v is an item in DynamoDB's own form, whose foreign members
    stay as they are, a NULL too. v is a checked value and lives as long as
    out. ST_BAD_REQUEST names the member and what it must be; out->user_id is
    set as soon as it could be read, else empty.
 */

int user_foreign_count(const struct user *u);
/*
    Members of others in u->foreign, nulls not counted; those in a map of ours
    are one each.
 */

struct str user_print(const struct user *u, struct arena *a);
/*
    One user, indented, in the same shape, without what others put there:
    user_read reads it back.
 */

#endif

/* input.h - what the two POST calls read alike out of a body. */
#ifndef DG_SERVICE_INPUT_H
#define DG_SERVICE_INPUT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/isotime.h"
#include "base/json.h"

enum status input_body(struct str body, struct json *root,
                       struct err *err) MUST_CHECK;
/*
    Strict JSON, an object, no number outside deltas that DynamoDB could not
    hold: ST_BAD_REQUEST with bad_json or bad_number.
 */

enum status input_ids(struct json root, struct arena *a, struct str *user_id,
                      struct str *trip_id, struct err *err) MUST_CHECK;
/*
    The two ids, both required: "Missing required fields" (missing_fields), or
    bad_id.
 */

enum status input_missing(struct arena *a, struct str names,
                          struct err *err) MUST_CHECK;
/*
    ST_BAD_REQUEST "Missing required fields"; names is the inside of a JSON
    array for the details.
 */

enum status input_type(struct err *err, const char *field,
                       const char *wanted) MUST_CHECK;
/*
    ST_BAD_REQUEST bad_type: field is not what it must be.
 */

enum status input_time(struct json root, const char *field, struct arena *a,
                       int64_t *us, struct err *err) MUST_CHECK;
/*
    TIME_NONE when the member is absent, null, or a string that is no time (as
    the clients' old versions send); any other JSON type is bad_type.
 */

enum status input_object(struct json root, const char *field,
                         struct json *value, struct err *err) MUST_CHECK;
/*
    An object, or JSON_NONE when the member is absent or null; else bad_type.
 */

struct str json_compact(struct str checked, struct buf *out);
/*
    checked: by json_check. Appends the text without the white space between its
   tokens; every string and number stays as it was written. Returns what was
   appended (a view into out, valid until out grows).
 */

#endif

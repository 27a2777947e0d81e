/* input.h - what the two POST calls read alike out of a body. */
#ifndef DG_SERVICE_INPUT_H
#define DG_SERVICE_INPUT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/isotime.h"
#include "base/json.h"
#include "score/trip_json.h"

enum status input_body(struct str body, struct json *root,
                       struct err *err) MUST_CHECK;
/*
    Strict JSON, an object, no number outside deltas that DynamoDB could not
    hold: ST_BAD_REQUEST with bad_json or bad_number.
 */
enum status input_body_rows(struct str body, struct json_rows *rows,
                            struct arena *a, struct json *root,
                            struct err *err) MUST_CHECK;
/*
    input_body, which hands over the elements of the array that rows->in names
    (json_check_rows). In *root, a copy in the arena, that array is empty: who
    looks for members need not pass over it.
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

/* ---- times ---- */

#define INPUT_WARNINGS 4 /* more than a body has places for times */

/* What stands where a time belongs and is none: it counts as absent, which
 * nobody would notice. So the client, the log and a counter are told. */
struct input_warnings {
    struct str text[INPUT_WARNINGS]; /* in the arena */
    size_t n;
    size_t times;      /* such values, in all */
    const char *field; /* the first of them, */
    struct str value;  /* and what it says */
};

enum status input_time(struct json root, const char *field, struct arena *a,
                       struct input_warnings *w, int64_t *us,
                       struct err *err) MUST_CHECK;
/*
    TIME_NONE when the member is absent or null; also, with a warning, when it
    is a string or a number that is no time (as the clients' old versions
    send). Any other JSON type is bad_type.
 */

void input_warn_deltas(const struct delta_counts *n, struct arena *a,
                       struct input_warnings *w);
/*
    A warning when timestamps of deltas are no times.
 */

void input_warned(const struct input_warnings *w, struct str user_id,
                  struct str trip_id);
/*
    Counts (times_unreadable) and logs, once a call, if there is anything.
 */

void input_put_warnings(const struct input_warnings *w, struct json_out *o);
/*
    The member `warnings`; none when there is nothing to say.
 */

/* ---- others ---- */

enum status input_object(struct json root, const char *field,
                         struct json *value, struct err *err) MUST_CHECK;
/*
    An object, or JSON_NONE when the member is absent or null; else bad_type.
 */

#endif

/*
 * json.h - strict JSON: one check, then a cursor over the checked text.
 *
 * cJSON accepts much that we must refuse (duplicate members, a NUL inside a
 * string, numbers that overflow) and loses what we must keep (the exact
 * decimal text of a number). So every text from outside is checked once by
 * json_check(); after that the cursor functions walk the same bytes without
 * allocating a tree, and a value's raw text can be copied as it stands.
 *
 * Source: RFC 8259, and doc/wire.md, "JSON in": UTF-8 without a
 * BOM, nesting to a limit, no duplicate members (compared after unescaping),
 * no \u0000, no lone surrogate, no number that overflows a double or has a
 * leading zero, nothing after the value but white space.
 */
#ifndef DG_BASE_JSON_H
#define DG_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define JSON_DEPTH 32

enum json_type {
    JSON_NONE, /* no such value (a member that is not there) */
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json {
    enum json_type type;
    struct str raw; /* the value's own text, quotes and brackets included */
};
#define JSON_ABSENT ((struct json){JSON_NONE, STR_NONE})

enum status json_check(struct str text, int depth, struct json *root,
                       struct err *err) MUST_CHECK;
/*
    ST_OK and the root value, or ST_BAD_REQUEST with code "bad_json", what is
    wrong and its byte offset (from 0). depth: how many containers may lie in
    each other. Time is linear in the text (many members of one object are
    compared by a hash whose key the sender cannot know). The functions below
    may only be used on values that come from here.
 */

/* What an array holds, while it is checked. */
struct json_rows {
    const char *in; /* the root's member that is the array; NULL: the root */
    void (*member)(void *ctx, struct json key, struct json value);
    void (*row)(void *ctx, struct json element); /* both, or neither (NULL) */
    void *ctx;
    /* What json_check_rows says; {0} before it: */
    struct json array;  /* what `in` names, if it is an array */
    bool unfit_numbers; /* a number of the text is not json_decimal_fits */
};
enum status json_check_rows(struct str text, int depth, struct json_rows *rows,
                            struct json *root, struct err *err) MUST_CHECK;
/*
    json_check, which hands over in the same pass each element of one array:
    first its members, if it is an object, then the element itself. They are
    checked, but what follows may be wrong, or one of the members be there
    twice: all that came counts only when ST_OK does. If what rows->in names is
    no array, nothing is handed over.
 */

struct json json_of(struct str raw);
/*
    A value again from its own text, which was checked before and kept (a
    trip's quality, a batch's deltas), without checking it again. Nothing for
    an empty text.
 */

struct json_iter {
    const char *p, *end;
    bool object;
};

struct json_iter json_iter(struct json container);
/*
    Over the members of an object or the elements of an array; over nothing
    for any other type.
 */
bool json_next(struct json_iter *it, struct json *key, struct json *value);
/*
    False at the end. key is a JSON_STRING (compare it with json_key_is), or
    JSON_NONE in an array.
 */

bool json_key_is(struct json key, const char *name);
/*
    Compares the unescaped string; with case.
 */

struct json json_member(struct json object, const char *name);
/*
    The member's value, or JSON_NONE; also when object is no object.
 */

struct str json_string(struct json v, struct arena *a);
/*
    The unescaped string: a view of the text when nothing is escaped, else a
    copy in the arena. STR_NONE when v is no string.
 */

bool json_double(struct json v, double *out);
/*
    A JSON number only; false for any other type.
 */
bool json_int(struct json v, int64_t *out);
/*
    A JSON number whose value is whole and within +-2^53 (1e3 and 5.0 count).
 */
bool json_numeric(struct json v, double *out);
/*
    A number or a numeric string, as scoring reads them (str_to_double).
 */

bool json_decimal_fits(struct json number);
/*
    Whether DynamoDB can hold the number exactly: at most 38 significant
    digits, magnitude 0 or 1e-130 to 9.99e125. Source: DynamoDB developer
    guide, "Number" data type.
 */

size_t json_count(struct json container);

struct str json_compact(struct str checked, struct buf *out);
/*
    Appends the text without the white space between its tokens; every string
    and number stays as it was written. Returns what was appended (a view into
    out, valid until out grows).
 */

/*
 * ---- writing: into a buf; whether all went in, buf_ok() says ----
 *
 * What is written passes json_check (member names and nesting are the
 * caller's): in texts, bytes that are not UTF-8 and NUL become U+FFFD.
 */
struct json_out {
    struct buf *b;
    bool comma; /* the next item needs one before it */
};

/* key NULL inside arrays and for the root. */
void json_begin_object(struct json_out *o, const char *key);
void json_end_object(struct json_out *o);
void json_begin_array(struct json_out *o, const char *key);
void json_end_array(struct json_out *o);
void json_put_str(struct json_out *o, const char *key, struct str v);
void json_put_z(struct json_out *o, const char *key, const char *v);
void json_put_int(struct json_out *o, const char *key, int64_t v);
void json_put_bool(struct json_out *o, const char *key, bool v);
void json_put_null(struct json_out *o, const char *key);
void json_put_raw(struct json_out *o, const char *key, struct str checked);
void json_put_double(struct json_out *o, const char *key, double v);
/*
    The shortest decimal that reads back as the same double (%.15g, %.16g,
    %.17g, the first that does), always with '.' or an exponent, so that a
    reader sees a real number ("95.0"). v must be finite (an assertion).
 */
void json_put_fixed(struct json_out *o, const char *key, double v, int places);
/*
    round(v, places) of the scoring rules, then as json_put_double: %.*f of
    glibc rounds the exact binary value, ties to even; -0.0 is printed 0.0.
 */

#endif

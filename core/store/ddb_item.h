/*
 * ddb_item.h - DynamoDB's attribute values: {"S":"text"}, {"N":"1.5"}, ...
 *
 * A number's decimal text is never turned into a double on its way: DynamoDB
 * holds 38 digits, and what came in as 1.50 goes out as 1.5, not as another
 * number.
 */
#ifndef DG_STORE_DDB_ITEM_H
#define DG_STORE_DDB_ITEM_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

/* ---- writing: a member `key` with its typed value ---- */

void ddb_put_s(struct json_out *o, const char *key, struct str v);
void ddb_put_n(struct json_out *o, const char *key, int64_t v);
void ddb_put_time(struct json_out *o, const char *key, int64_t us);
/*
    Nothing for TIME_NONE.
 */
void ddb_put_json(struct json_out *o, const char *key, struct json v);
/*
    Any checked JSON value as L, M, S, N, BOOL, NULL.
 */

void ddb_put_member(struct json_out *o, struct json key, struct json v);
/*
    The same under a name that is JSON text itself: it may be any.
 */

/* ---- reading: an attribute of an item ---- */

bool ddb_valid(struct json attribute);
/*
    Whether a checked JSON value is an attribute value that DynamoDB takes: of
    the right form, with numbers that it can hold. What sets may hold twice,
    and sizes, are left to DynamoDB.
 */

bool ddb_is(struct json item, const char *name, const char *type,
            struct json *out);
/*
    Whether the attribute is there with that type ("S", "NS", ...).
 */

struct json ddb_map(struct json item, const char *name);
/*
    The content of a map, itself a set of attributes. JSON_ABSENT for anything
    else.
 */
struct str ddb_str(struct json item, const char *name, struct arena *a);
/*
    A string; also a number, as its text. STR_NONE for anything else.
 */
bool ddb_int(struct json item, const char *name, int64_t *out);
/*
    A whole number, stored as N or as S, in whatever decimal form ("3", "3.0",
    "3E0"); false and *out untouched for anything else. Within +-(2^53 - 1):
   what is beyond may be another number as a double.
 */
bool ddb_double(struct json item, const char *name, double *out);
int64_t ddb_time(struct json item, const char *name, struct arena *a);
/*
    TIME_NONE when there is none or it is not readable.
 */

enum status ddb_to_json(struct json attribute, struct buf *out,
                        struct err *err) MUST_CHECK;
/*
    Appends the plain JSON of an attribute value: the reverse of ddb_put_json;
    sets become arrays. ST_CORRUPT for what JSON cannot hold (binary).
 */
struct str ddb_json_text(struct json item, const char *name, struct arena *a,
                         struct err *err);
/*
    The attribute's plain JSON in the arena; STR_NONE when it is not there, or
    with err->st set when it is corrupt.
 */

int64_t ddb_item_size(struct json item);
/*
    Bytes of an item as DynamoDB counts them for its limit of 400 KB and for
    what a read costs (developer guide, "Item sizes and formats"): names and
    values; its numbers may differ by a byte.
 */

size_t ddb_list_count(struct json item, const char *name);

#endif

/*
 * ddb_expr.h - the body of a conditional request to one item.
 *
 *   struct ddb_expr e;
 *   ddb_expr_begin(&e, table, "trip_id", id);
 *   ddb_set_s(&e, "status", STR_LIT("completed"));
 *   ddb_if(&e, "#user_id = :user_id");  ddb_value_s(&e, "user_id", user);
 *   body = ddb_expr_end(&e, arena);
 *
 * Every attribute's name is written #name: some are DynamoDB's reserved words.
 * Which names and values an expression needs is kept track of here, since one
 * too many is refused, too.
 */
#ifndef DG_STORE_DDB_EXPR_H
#define DG_STORE_DDB_EXPR_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "store/ddb_item.h"

#define DDB_NAMES_MAX 32
#define DDB_OTHERS_MAX 150 /* an expression has at most 4 KB */

struct ddb_expr {
    const char *table, *key_name;
    struct str key;
    struct buf set, remove, add, take, cond, values;
    struct json_out value;
    char names[DDB_NAMES_MAX][40];
    int n;
    struct buf others; /* names that are not ours, as members */
    int n_others;
    const char *returns; /* ReturnValues; NULL: none */
};

void ddb_expr_begin(struct ddb_expr *e, const char *table, const char *key_name,
                    struct str key);

void ddb_set_s(struct ddb_expr *e, const char *name, struct str v);
void ddb_set_n(struct ddb_expr *e, const char *name, int64_t v);
void ddb_set_time(struct ddb_expr *e, const char *name, int64_t us);
/*
    Nothing for TIME_NONE.
 */
void ddb_set_json(struct ddb_expr *e, const char *name, struct json v);
void ddb_set_raw(struct ddb_expr *e, const char *name, struct str typed);
/*
    A value that is typed already: `{"N":"1"}`.
 */
void ddb_set_or_remove(struct ddb_expr *e, const char *name, struct str v);
/*
    A string; removed when it is empty.
 */
void ddb_remove(struct ddb_expr *e, const char *name);
void ddb_set_other(struct ddb_expr *e, struct json name, struct str typed);
void ddb_remove_other(struct ddb_expr *e, struct json name);
/*
    An attribute that is not ours, so that its name, a JSON string, may be any;
    not one of those above. At most DDB_OTHERS_MAX.
 */
void ddb_count_up(struct ddb_expr *e, const char *name);
/*
    One more, from 0 when it is not there.
 */
void ddb_count(struct ddb_expr *e, const char *name, int64_t more);
/*
    So many more, from 0 when it is not there.
 */
void ddb_keep(struct ddb_expr *e, const char *name);
/*
    What is there, or else :name, which the caller gives.
 */
void ddb_copy(struct ddb_expr *e, const char *name, const char *from,
              int64_t otherwise);
/*
    The number that another attribute has before this request.
 */
void ddb_add_to_set(struct ddb_expr *e, const char *name, int64_t number);
void ddb_take_from_set(struct ddb_expr *e, const char *name, int64_t number);
/*
    A set of numbers; an empty one is none.
 */

void ddb_if(struct ddb_expr *e, const char *condition);
/*
    One more condition that must hold, in #names and :values.
 */
void ddb_if_unchanged(struct ddb_expr *e, const char *name, struct json item);
/*
    The attribute is as in the item that was read, or not there, as then.
 */

void ddb_value_s(struct ddb_expr *e, const char *placeholder, struct str v);
void ddb_value_n(struct ddb_expr *e, const char *placeholder, int64_t v);
/*
    What :placeholder stands for.
 */

struct str ddb_expr_end(struct ddb_expr *e, struct arena *a);
/*
    The body of an UpdateItem, or of a DeleteItem when nothing is set. Frees e.
 */

#endif

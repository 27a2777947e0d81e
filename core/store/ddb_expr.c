#include "store/ddb_expr.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include "base/isotime.h"
#include "store/ddb.h"

#define CLAUSE_MAX 4096

void ddb_expr_begin(struct ddb_expr *e, const char *table, const char *key_name,
                    struct str key)
{
    memset(e, 0, sizeof *e);
    e->table = table;
    e->key_name = key_name;
    e->key = key;
    buf_init(&e->set, CLAUSE_MAX);
    buf_init(&e->remove, CLAUSE_MAX);
    buf_init(&e->add, CLAUSE_MAX);
    buf_init(&e->take, CLAUSE_MAX);
    buf_init(&e->cond, CLAUSE_MAX);
    buf_init(&e->values, DDB_REQUEST_MAX);
    buf_init(&e->others, DDB_REQUEST_MAX);
    e->value = (struct json_out){.b = &e->values};
}

/* ---- names and values ---- */

static void use_name(struct ddb_expr *e, struct str name)
{
    for (int i = 0; i < e->n; i++)
        if (str_is(name, e->names[i]))
            return;
    assert(e->n < DDB_NAMES_MAX && name.n < sizeof e->names[0]);
    snprintf(e->names[e->n++], sizeof e->names[0], "%.*s", STR_ARG(name));
}

/* Every #name that stands in a text. */
static void use_names(struct ddb_expr *e, const char *text)
{
    while ((text = strchr(text, '#'))) {
        size_t n = 0;

        text++;
        while (isalnum((unsigned char)text[n]) || text[n] == '_')
            n++;
        use_name(e, (struct str){text, n});
    }
}

static const char *value_name(const char *name, char space[64])
{
    snprintf(space, 64, ":%.60s", name);
    return space;
}

void ddb_value_s(struct ddb_expr *e, const char *placeholder, struct str v)
{
    char z[64];

    ddb_put_s(&e->value, value_name(placeholder, z), v);
}

void ddb_value_n(struct ddb_expr *e, const char *placeholder, int64_t v)
{
    char z[64];

    ddb_put_n(&e->value, value_name(placeholder, z), v);
}

/* ---- clauses ---- */

static void expr_clause(struct ddb_expr *e, struct buf *to, const char *text)
{
    use_names(e, text);
    buf_printf(to, "%s%s", to->n ? ", " : "", text);
}

static void set_to_value(struct ddb_expr *e, const char *name)
{
    char text[100];

    snprintf(text, sizeof text, "#%s = :%s", name, name);
    expr_clause(e, &e->set, text);
}

void ddb_set_s(struct ddb_expr *e, const char *name, struct str v)
{
    set_to_value(e, name);
    ddb_value_s(e, name, v);
}

void ddb_set_n(struct ddb_expr *e, const char *name, int64_t v)
{
    set_to_value(e, name);
    ddb_value_n(e, name, v);
}

void ddb_set_time(struct ddb_expr *e, const char *name, int64_t us)
{
    char z[64];

    if (us == TIME_NONE)
        return;
    set_to_value(e, name);
    ddb_put_time(&e->value, value_name(name, z), us);
}

void ddb_set_json(struct ddb_expr *e, const char *name, struct json v)
{
    char z[64];

    set_to_value(e, name);
    ddb_put_json(&e->value, value_name(name, z), v);
}

void ddb_set_raw(struct ddb_expr *e, const char *name, struct str typed)
{
    char z[64];

    set_to_value(e, name);
    json_put_raw(&e->value, value_name(name, z), typed);
}

void ddb_remove(struct ddb_expr *e, const char *name)
{
    char text[48];

    snprintf(text, sizeof text, "#%s", name);
    expr_clause(e, &e->remove, text);
}

void ddb_set_or_remove(struct ddb_expr *e, const char *name, struct str v)
{
    if (v.n)
        ddb_set_s(e, name, v);
    else
        ddb_remove(e, name);
}

/* `"#o0":"its name"`: as placeholder o0 it can stand in an expression. */
static int use_other(struct ddb_expr *e, struct json name)
{
    assert(e->n_others < DDB_OTHERS_MAX);
    buf_printf(&e->others, "%s\"#o%d\":", e->n_others ? "," : "", e->n_others);
    buf_put(&e->others, name.raw);
    return e->n_others++;
}

void ddb_set_other(struct ddb_expr *e, struct json name, struct str typed)
{
    char placeholder[16];
    int i = use_other(e, name);

    snprintf(placeholder, sizeof placeholder, ":o%d", i);
    buf_printf(&e->set, "%s#o%d = %s", e->set.n ? ", " : "", i, placeholder);
    json_put_raw(&e->value, placeholder, typed);
}

void ddb_remove_other(struct ddb_expr *e, struct json name)
{
    buf_printf(&e->remove, "%s#o%d", e->remove.n ? ", " : "",
               use_other(e, name));
}

void ddb_count_up(struct ddb_expr *e, const char *name)
{
    char text[160];

    snprintf(text, sizeof text, "#%s = if_not_exists(#%s, :%s_0) + :%s_1", name,
             name, name, name);
    expr_clause(e, &e->set, text);
    snprintf(text, sizeof text, "%s_0", name);
    ddb_value_n(e, text, 0);
    snprintf(text, sizeof text, "%s_1", name);
    ddb_value_n(e, text, 1);
}

void ddb_keep(struct ddb_expr *e, const char *name)
{
    char text[160];

    snprintf(text, sizeof text, "#%s = if_not_exists(#%s, :%s)", name, name,
             name);
    expr_clause(e, &e->set, text);
}

void ddb_copy(struct ddb_expr *e, const char *name, const char *from,
              int64_t otherwise)
{
    char text[160];

    snprintf(text, sizeof text, "#%s = if_not_exists(#%s, :%s)", name, from,
             name);
    expr_clause(e, &e->set, text);
    ddb_value_n(e, name, otherwise);
}

static void change_set(struct ddb_expr *e, struct buf *how, const char *name,
                       int64_t number)
{
    char text[100], member[32], z[64];

    snprintf(text, sizeof text, "#%s :%s", name, name);
    expr_clause(e, how, text);
    snprintf(member, sizeof member, "%lld", (long long)number);
    json_begin_object(&e->value, value_name(name, z));
    json_begin_array(&e->value, "NS");
    json_put_z(&e->value, NULL, member);
    json_end_array(&e->value);
    json_end_object(&e->value);
}

void ddb_add_to_set(struct ddb_expr *e, const char *name, int64_t number)
{
    change_set(e, &e->add, name, number);
}

void ddb_take_from_set(struct ddb_expr *e, const char *name, int64_t number)
{
    change_set(e, &e->take, name, number);
}

void ddb_if(struct ddb_expr *e, const char *condition)
{
    use_names(e, condition);
    buf_printf(&e->cond, "%s(%s)", e->cond.n ? " AND " : "", condition);
}

void ddb_if_unchanged(struct ddb_expr *e, const char *name, struct json item)
{
    struct json seen = json_member(item, name);
    char text[120];

    if (seen.type == JSON_NONE) {
        snprintf(text, sizeof text, "attribute_not_exists(#%s)", name);
        ddb_if(e, text);
        return;
    }
    snprintf(text, sizeof text, "#%s = :seen_%s", name, name);
    ddb_if(e, text);
    snprintf(text, sizeof text, ":seen_%s", name);
    json_put_raw(&e->value, text, seen.raw);
}

/* ---- the body ---- */

static void put_update(const struct ddb_expr *e, struct json_out *o)
{
    struct buf text;

    buf_init(&text, 5 * CLAUSE_MAX);
    if (e->set.n)
        buf_printf(&text, "SET %.*s", STR_ARG(buf_str(&e->set)));
    if (e->remove.n)
        buf_printf(&text, " REMOVE %.*s", STR_ARG(buf_str(&e->remove)));
    if (e->add.n)
        buf_printf(&text, " ADD %.*s", STR_ARG(buf_str(&e->add)));
    if (e->take.n)
        buf_printf(&text, " DELETE %.*s", STR_ARG(buf_str(&e->take)));
    assert(buf_ok(&text));
    if (text.n)
        json_put_str(o, "UpdateExpression", str_trim(buf_str(&text)));
    buf_free(&text);
}

static void put_names(const struct ddb_expr *e, struct json_out *o)
{
    char with_hash[48];

    if (e->n == 0 && e->n_others == 0)
        return;
    json_begin_object(o, "ExpressionAttributeNames");
    if (e->n_others) {
        buf_put(o->b, buf_str(&e->others));
        o->comma = true;
    }
    for (int i = 0; i < e->n; i++) {
        snprintf(with_hash, sizeof with_hash, "#%s", e->names[i]);
        json_put_z(o, with_hash, e->names[i]);
    }
    json_end_object(o);
}

struct str ddb_expr_end(struct ddb_expr *e, struct arena *a)
{
    struct buf b;
    struct json_out o = {.b = &b};
    struct str out;

    assert(buf_ok(&e->set) && buf_ok(&e->cond) && buf_ok(&e->values) &&
           buf_ok(&e->add) && buf_ok(&e->take) && buf_ok(&e->remove) &&
           buf_ok(&e->others));
    buf_init(&b, DDB_REQUEST_MAX);
    json_begin_object(&o, NULL);
    json_put_z(&o, "TableName", e->table);
    json_begin_object(&o, "Key");
    ddb_put_s(&o, e->key_name, e->key);
    json_end_object(&o);
    put_update(e, &o);
    if (e->cond.n)
        json_put_str(&o, "ConditionExpression", buf_str(&e->cond));
    put_names(e, &o);
    if (e->values.n) {
        json_begin_object(&o, "ExpressionAttributeValues");
        buf_put(&b, buf_str(&e->values));
        json_end_object(&o);
    }
    if (e->returns)
        json_put_z(&o, "ReturnValues", e->returns);
    json_end_object(&o);
    assert(buf_ok(&b));
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    buf_free(&e->set);
    buf_free(&e->remove);
    buf_free(&e->add);
    buf_free(&e->take);
    buf_free(&e->cond);
    buf_free(&e->values);
    buf_free(&e->others);
    return out;
}

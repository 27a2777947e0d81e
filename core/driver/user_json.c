#include "driver/user_json.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include "base/json.h"
#include "base/memory.h"
#include "base/shown.h"
#include "driver/driver.h"
#include "store/ddb_item.h"
#include "store/keys.h"

/* As JSON, whose escapes are longer; an item has 400 KB at most. */
#define USER_TEXT_MAX ((size_t)2 * 1024 * 1024)
#define FOREIGN_TEXT_MAX ((size_t)1024 * 1024)
#define VALUE_TEXT_MAX ((size_t)1024 * 1024)

enum kind { TEXT, REAL, WHOLE };

struct member {
    const char *name;
    enum kind kind;
    size_t at;
    unsigned keeps;
};

#define USER(m) offsetof(struct user, m)

static const struct member plain[] = {
    {"user_id", TEXT, USER(user_id), 0},
    {"email", TEXT, USER(email), USER_KEEPS_EMAIL},
    {"name", TEXT, USER(name), USER_KEEPS_NAME},
    {"role", TEXT, USER(role), USER_KEEPS_ROLE},
    {"zipcode", TEXT, USER(zipcode), USER_KEEPS_ZIPCODE},
    {NULL, TEXT, 0, 0}};

static const struct member base_point[] = {
    {"latitude", REAL, USER(latitude), 0},
    {"longitude", REAL, USER(longitude), 0},
    {"city", TEXT, USER(city), 0},
    {"state", TEXT, USER(state), 0},
    {"source", TEXT, USER(source), 0},
    {"zipcode", TEXT, USER(base_zipcode), 0},
    {NULL, TEXT, 0, 0}};

static const struct member privacy[] = {
    {"anonymizationRadius", WHOLE, USER(anonymization_radius), 0},
    {"dataRetentionPeriod", WHOLE, USER(retention_months), 0},
    {"consentLevel", TEXT, USER(consent), 0},
    {NULL, TEXT, 0, 0}};

struct reading {
    struct arena *a;
    struct err *err;
    bool typed; /* values are DynamoDB's attributes */
    struct user *u;
    struct buf foreign; /* its members so far */
    int foreign_n;
};

static enum status member_wrong(const struct reading *r, const char *member,
                                const char *what)
{
    return err_set(r->err, ST_BAD_REQUEST, "bad_user", "%s %s",
                   shown_of(str_of(member)).z, what);
}

static enum status wrong_key(const struct reading *r, struct json key,
                             const char *what)
{
    return member_wrong(r, arena_z(r->a, json_string(key, r->a)), what);
}

/* ---- members of ours ---- */

/* A value as plain JSON, whichever form the user has. */
static enum status plain_value(const struct reading *r, struct json key,
                               struct json v, struct json *out)
{
    struct buf b;
    struct str text;
    enum status st;

    *out = v;
    if (!r->typed)
        return ST_OK;
    buf_init(&b, VALUE_TEXT_MAX);
    st = ddb_valid(v) ? ddb_to_json(v, &b, NULL) : ST_CORRUPT;
    text = st == ST_OK && buf_ok(&b) ? arena_copy(r->a, buf_str(&b)) : STR_NONE;
    buf_free(&b);
    if (text.n == 0)
        return wrong_key(r, key, "is no value of DynamoDB's that it may have");
    *out = json_of(text);
    return ST_OK;
}

/* The old functions wrote some numbers as texts, and the other way round. */
static bool read_double(const struct reading *r, struct json v, double *out)
{
    return r->typed ? json_numeric(v, out) : json_double(v, out);
}

static enum status read_member(const struct reading *r, const struct member *m,
                               struct json v)
{
    void *at = (char *)r->u + m->at;
    double d;

    if (v.type == JSON_NULL)
        return ST_OK;
    switch (m->kind) {
    case TEXT:
        if (r->typed && v.type == JSON_NUMBER)
            *(struct str *)at = arena_copy(r->a, v.raw);
        else if (v.type == JSON_STRING)
            *(struct str *)at = json_string(v, r->a);
        else
            return member_wrong(r, m->name, "must be a string");
        return ST_OK;
    case REAL:
        if (!read_double(r, v, (double *)at))
            return member_wrong(r, m->name, "must be a number");
        return ST_OK;
    case WHOLE:
        if (!read_double(r, v, &d) || d != floor(d) || d < 0 ||
            d > 1e9) /* before the cast, which may trap */
            return member_wrong(r, m->name, "must be a whole number from 0 on");
        *(int64_t *)at = (int64_t)d;
        return ST_OK;
    }
    return ST_OK;
}

static const struct member *find_member(const struct member *table,
                                        struct json key)
{
    while (table->name && !json_key_is(key, table->name))
        table++;
    return table->name ? table : NULL;
}

/* ---- members of others ---- */

static struct json typed_value(const struct reading *r, struct json key,
                               struct json v)
{
    struct buf b;
    struct json_out o = {.b = &b};
    struct str text;

    if (r->typed)
        return v;
    buf_init(&b, VALUE_TEXT_MAX);
    ddb_put_member(&o, key, v);
    text = buf_ok(&b) ? arena_copy(r->a, buf_str(&b)) : STR_NONE;
    buf_free(&b);
    if (text.n == 0)
        return JSON_ABSENT; /* too large for an item */
    return json_of(
        (struct str){text.p + key.raw.n + 1, text.n - key.raw.n - 1});
}

/* Its name as it stands, and its value as DynamoDB has it. */
static enum status put_foreign(struct reading *r, struct buf *to,
                               struct json key, struct json v)
{
    struct json typed = typed_value(r, key, v);

    if (key.raw.n <= 2)
        return member_wrong(r, "a member", "has no name");
    if (!ddb_valid(typed))
        return wrong_key(r, key, "is a value that DynamoDB cannot hold");
    buf_printf(to, "%s%.*s:", to->n ? "," : "", STR_ARG(key.raw));
    buf_put(to, typed.raw);
    return ST_OK;
}

static enum status read_foreign(struct reading *r, struct json key,
                                struct json v)
{
    if (++r->foreign_n > USER_FOREIGN_MAX)
        return err_set(r->err, ST_BAD_REQUEST, "bad_user",
                       "it has more than %d members that are not ours",
                       USER_FOREIGN_MAX);
    if (v.type != JSON_NULL)
        return put_foreign(r, &r->foreign, key, v);
    buf_printf(&r->foreign, "%s%.*s:null", r->foreign.n ? "," : "",
               STR_ARG(key.raw));
    return ST_OK;
}

/* ---- the nested ones ---- */

static enum status read_part_members(struct reading *r,
                                     const struct member *table, struct json v,
                                     struct buf *others)
{
    struct json_iter it = json_iter(v);
    struct json key, value;
    enum status st = ST_OK;

    while (st == ST_OK && json_next(&it, &key, &value)) {
        const struct member *m = find_member(table, key);

        if (!m && !(value.type == JSON_NULL && !r->typed))
            st = put_foreign(r, others, key, value);
        else if (m && (st = plain_value(r, key, value, &value)) == ST_OK)
            st = read_member(r, m, value);
    }
    return st;
}

/* Half a place would be one in the Gulf of Guinea. */
static enum status check_place(const struct reading *r, struct json v)
{
    static const char *const both[] = {"latitude", "longitude"};

    for (int i = 0; i < 2; i++) {
        struct json value = json_member(v, both[i]);
        double d;

        if (value.type != JSON_NONE &&
            plain_value(r, (struct json){JSON_STRING, STR_LIT("\"\"")}, value,
                        &value) != ST_OK)
            value = JSON_ABSENT;
        if (!read_double(r, value, &d))
            return member_wrong(r, "base_point",
                                "needs a latitude and a longitude");
    }
    return ST_OK;
}

/* An object of the user's: its own table, and the flag that says so. */
static enum status read_part(struct reading *r, struct json key, struct json v,
                             const struct member *table, bool *has)
{
    struct buf others;
    struct json type;
    enum status st = ST_OK;

    if (r->typed) {
        struct json_iter it = json_iter(v);

        if (!ddb_valid(v) || !json_next(&it, &type, &v))
            return wrong_key(r, key, "is no value of DynamoDB's");
        if (json_key_is(type, "NULL"))
            return ST_OK;
        if (!json_key_is(type, "M"))
            return wrong_key(r, key, "must be a map");
    }
    if (v.type == JSON_NULL)
        return ST_OK;
    if (v.type != JSON_OBJECT)
        return wrong_key(r, key, "must be an object");
    *has = true;
    if (table == base_point)
        st = check_place(r, v);
    buf_init(&others, FOREIGN_TEXT_MAX);
    if (st == ST_OK)
        st = read_part_members(r, table, v, &others);
    if (st == ST_OK && others.n)
        buf_printf(&r->foreign, "%s%.*s:{\"M\":{%.*s}}",
                   r->foreign.n ? "," : "", STR_ARG(key.raw),
                   STR_ARG(buf_str(&others)));
    if (st == ST_OK && !buf_ok(&others))
        st = wrong_key(r, key, "is too large");
    buf_free(&others);
    return st;
}

static enum status read_members(struct reading *r, struct json object)
{
    struct json_iter it = json_iter(object);
    struct json key, v;
    enum status st = ST_OK;

    while (st == ST_OK && json_next(&it, &key, &v)) {
        const struct member *m = find_member(plain, key);

        if (m) {
            r->u->keeps &= ~m->keeps;
            st = plain_value(r, key, v, &v);
            if (st == ST_OK)
                st = read_member(r, m, v);
        } else if (json_key_is(key, "base_point")) {
            r->u->keeps &= ~USER_KEEPS_BASE_POINT;
            st = read_part(r, key, v, base_point, &r->u->has_base_point);
        } else if (json_key_is(key, "privacy_settings")) {
            r->u->keeps &= ~USER_KEEPS_PRIVACY;
            st = read_part(r, key, v, privacy, &r->u->has_privacy);
        } else {
            st = read_foreign(r, key, v);
        }
    }
    return st;
}

/* ---- the whole ---- */

static enum status check_privacy(const struct reading *r)
{
    static const char *const levels[] = {"full", "basic", "minimal"};
    bool known = r->u->consent.n == 0;

    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        known = known || str_is(r->u->consent, levels[i]);
    if (!known)
        return member_wrong(r, "consentLevel",
                            "must be full, basic or minimal");
    if (r->u->retention_months == 0 || r->u->retention_months > 24)
        return member_wrong(r, "dataRetentionPeriod", "must be 1 to 24 months");
    return ST_OK;
}

static enum status check_user(const struct reading *r)
{
    struct user *u = r->u;

    if (!id_valid(u->user_id))
        return member_wrong(r, "user_id",
                            "is missing or not 1 to 128 characters of "
                            "A-Z a-z 0-9 . _ @ + : = - without a leading dot");
    u->email = driver_email_lower(u->email, r->a);
    if (u->email.n && !driver_email_plausible(u->email))
        return member_wrong(r, "email", "is not an address");
    if (u->has_base_point &&
        (fabs(u->latitude) > 90 || fabs(u->longitude) > 180))
        return member_wrong(r, "base_point", "is not on the globe");
    return u->has_privacy ? check_privacy(r) : ST_OK;
}

/* First of all: what goes wrong later is said of this user. */
static void read_id(struct reading *r, struct json v)
{
    struct json id = json_member(v, "user_id");

    r->typed = id.type == JSON_OBJECT;
    r->u->user_id =
        r->typed ? ddb_str(v, "user_id", r->a) : json_string(id, r->a);
}

enum status user_read(struct json v, struct arena *a, struct user *out,
                      struct err *err)
{
    struct reading r = {.a = a, .err = err, .u = out};
    enum status st;

    *out = (struct user){.keeps = USER_KEEPS_ALL,
                         .anonymization_radius = -1,
                         .retention_months = -1};
    if (v.type != JSON_OBJECT)
        return member_wrong(&r, "a user", "must be an object");
    read_id(&r, v);
    if (v.raw.n > USER_TEXT_MAX)
        return member_wrong(&r, "it", "is larger than DynamoDB's items may be");
    buf_init(&r.foreign, FOREIGN_TEXT_MAX);
    st = read_members(&r, v);
    if (st == ST_OK)
        st = check_user(&r);
    if (st == ST_OK && !buf_ok(&r.foreign))
        st = member_wrong(&r, "it", "is larger than DynamoDB's items may be");
    if (st == ST_OK && r.foreign.n)
        out->foreign = arena_printf(a, "{%.*s}", STR_ARG(buf_str(&r.foreign)));
    buf_free(&r.foreign);
    return st;
}

int user_foreign_count(const struct user *u)
{
    struct json_iter it = json_iter(json_of(u->foreign));
    struct json key, v;
    int n = 0;

    while (json_next(&it, &key, &v))
        n += v.type != JSON_NULL;
    return n;
}

static void print_members(cJSON *to, const struct member *table,
                          const struct user *u, struct arena *a)
{
    for (const struct member *m = table; m->name; m++) {
        const void *at = (const char *)u + m->at;
        const struct str *text = at;

        if (m->kind == REAL)
            cJSON_AddNumberToObject(to, m->name, *(const double *)at);
        else if (m->kind == WHOLE && *(const int64_t *)at >= 0)
            cJSON_AddNumberToObject(to, m->name, (double)*(const int64_t *)at);
        else if (m->kind == TEXT && text->n)
            cJSON_AddStringToObject(to, m->name, arena_z(a, *text));
    }
}

struct str user_print(const struct user *u, struct arena *a)
{
    cJSON *tree = cJSON_CreateObject();
    struct str out;
    char *text;

    print_members(tree, plain, u, a);
    if (u->has_base_point)
        print_members(cJSON_AddObjectToObject(tree, "base_point"), base_point,
                      u, a);
    if (u->has_privacy)
        print_members(cJSON_AddObjectToObject(tree, "privacy_settings"),
                      privacy, u, a);
    text = cJSON_Print(tree);
    memory_check(text);
    out = arena_copy(a, str_of(text));
    cJSON_free(text);
    cJSON_Delete(tree);
    return out;
}

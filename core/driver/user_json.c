#include "driver/user_json.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include "base/json.h"
#include "base/memory.h"
#include "driver/driver.h"
#include "store/keys.h"

enum kind { TEXT, REAL, WHOLE };

struct member {
    const char *name;
    enum kind kind;
    size_t at;
};

#define USER(m) offsetof(struct user, m)

static const struct member plain[] = {
    {"user_id", TEXT, USER(user_id)}, {"email", TEXT, USER(email)},
    {"name", TEXT, USER(name)},       {"role", TEXT, USER(role)},
    {"zipcode", TEXT, USER(zipcode)}, {NULL, TEXT, 0}};

static const struct member base_point[] = {
    {"latitude", REAL, USER(latitude)},
    {"longitude", REAL, USER(longitude)},
    {"city", TEXT, USER(city)},
    {"state", TEXT, USER(state)},
    {"source", TEXT, USER(source)},
    {"zipcode", TEXT, USER(base_zipcode)},
    {NULL, TEXT, 0}};

static const struct member privacy[] = {
    {"anonymizationRadius", WHOLE, USER(anonymization_radius)},
    {"dataRetentionPeriod", WHOLE, USER(retention_months)},
    {"consentLevel", TEXT, USER(consent)},
    {NULL, TEXT, 0}};

struct parsing {
    struct arena *a;
    size_t index; /* in the list, from 1 */
    struct err *err;
};

static enum status wrong_user(struct parsing *p, const char *member,
                              const char *what)
{
    return err_set(p->err, ST_BAD_REQUEST, "bad_user", "user %zu: %s %s",
                   p->index, member, what);
}

static enum status read_member(struct parsing *p, const struct member *m,
                               const cJSON *v, struct user *u)
{
    void *at = (char *)u + m->at;

    if (cJSON_IsNull(v))
        return ST_OK;
    switch (m->kind) {
    case TEXT:
        if (!cJSON_IsString(v))
            return wrong_user(p, m->name, "must be a string");
        *(struct str *)at = arena_copy(p->a, str_of(v->valuestring));
        return ST_OK;
    case REAL:
        if (!cJSON_IsNumber(v))
            return wrong_user(p, m->name, "must be a number");
        *(double *)at = v->valuedouble;
        return ST_OK;
    case WHOLE:
        if (!cJSON_IsNumber(v) || v->valuedouble != floor(v->valuedouble) ||
            fabs(v->valuedouble) > 1e9) /* before the cast, which may trap */
            return wrong_user(p, m->name, "must be a whole number");
        *(int64_t *)at = (int64_t)v->valuedouble;
        return ST_OK;
    }
    return ST_OK;
}

static enum status read_members(struct parsing *p, const struct member *table,
                                const cJSON *object, struct user *u);

/* A nested object of the user's: its own table, and the flag that says so. */
static enum status read_part(struct parsing *p, const struct member *table,
                             const cJSON *v, bool *has, struct user *u)
{
    if (cJSON_IsNull(v))
        return ST_OK;
    if (!cJSON_IsObject(v))
        return wrong_user(p, v->string, "must be an object");
    *has = true;
    /* Half a place would be one in the Gulf of Guinea. */
    if (table == base_point &&
        (!cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(v, "latitude")) ||
         !cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(v, "longitude"))))
        return wrong_user(p, v->string, "needs a latitude and a longitude");
    return read_members(p, table, v, u);
}

static enum status read_members(struct parsing *p, const struct member *table,
                                const cJSON *object, struct user *u)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, object)
    {
        const struct member *m = table;
        enum status st;

        while (m->name && strcmp(m->name, v->string) != 0)
            m++;
        if (m->name)
            st = read_member(p, m, v, u);
        else if (table == plain && strcmp(v->string, "base_point") == 0)
            st = read_part(p, base_point, v, &u->has_base_point, u);
        else if (table == plain && strcmp(v->string, "privacy_settings") == 0)
            st = read_part(p, privacy, v, &u->has_privacy, u);
        else
            st = wrong_user(p, v->string, "is not a member of a user");
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static enum status check_user(struct parsing *p, struct user *u)
{
    static const char *const levels[] = {"full", "basic", "minimal"};
    bool known = false;

    if (!id_valid(u->user_id))
        return wrong_user(p, "user_id",
                          "is missing or not 1 to 128 characters of "
                          "A-Z a-z 0-9 . _ @ + : = - without a "
                          "leading dot");
    u->email = driver_email_lower(u->email, p->a);
    if (!driver_email_plausible(u->email))
        return wrong_user(p, "email", "is missing or not an address");
    if (u->has_base_point &&
        (fabs(u->latitude) > 90 || fabs(u->longitude) > 180))
        return wrong_user(p, "base_point", "is not on the globe");
    if (!u->has_privacy)
        return ST_OK;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        known = known || str_is(u->consent, levels[i]);
    if (!known)
        return wrong_user(p, "consentLevel", "must be full, basic or minimal");
    if (u->retention_months < 1 || u->retention_months > 24)
        return wrong_user(p, "dataRetentionPeriod", "must be 1 to 24 months");
    return ST_OK;
}

static enum status parse_user(struct parsing *p, const cJSON *v,
                              struct user_list *out)
{
    struct user *u = &out->user[out->n]; /* zeros: nothing is set */
    enum status st;

    p->index = out->n + 1;
    if (!cJSON_IsObject(v))
        return wrong_user(p, "it", "must be an object");
    if ((st = read_members(p, plain, v, u)) != ST_OK ||
        (st = check_user(p, u)) != ST_OK)
        return st;
    out->n++;
    return ST_OK;
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static enum status refuse_twice(const struct user_list *list, size_t at,
                                const char *what, struct parsing *p)
{
    struct str *all = arena_alloc_n(p->a, list->n + 1, sizeof *all);

    assert(at == USER(user_id) || at == USER(email)); /* a struct str */
    for (size_t i = 0; i < list->n; i++)
        all[i] = *(const struct str *)((const char *)&list->user[i] + at);
    qsort(all, list->n, sizeof *all, by_text);
    for (size_t i = 1; i < list->n; i++)
        if (str_eq(all[i - 1], all[i]))
            return err_set(p->err, ST_BAD_REQUEST, "bad_user",
                           "the %s %.*s occurs twice in the list", what,
                           STR_ARG(all[i]));
    return ST_OK;
}

static void delete_tree(void *tree)
{
    cJSON_Delete(tree);
}

enum status users_parse(struct str text, struct arena *a, struct user_list *out,
                        struct err *err)
{
    struct parsing p = {.a = a, .err = err};
    struct json root;
    const cJSON *v;
    cJSON *tree;
    enum status st;

    *out = (struct user_list){.n = 0};
    /* The strict check first: cJSON lets much pass that would lose data. */
    if ((st = json_check(text, JSON_DEPTH, &root, err)) != ST_OK)
        return st;
    tree = cJSON_ParseWithLength(text.p, text.n);
    if (!tree)
        return err_set(err, ST_BAD_REQUEST, "bad_json", "not readable JSON");
    arena_defer(a, delete_tree, tree);
    if (cJSON_IsObject(tree)) {
        out->user = arena_alloc_n(a, 1, sizeof *out->user);
        return parse_user(&p, tree, out);
    }
    if (!cJSON_IsArray(tree))
        return err_set(err, ST_BAD_REQUEST, "bad_user",
                       "the file must hold a list of users");
    out->user = arena_alloc_n(a, (size_t)cJSON_GetArraySize(tree) + 1,
                              sizeof *out->user);
    cJSON_ArrayForEach(v, tree)
    {
        if ((st = parse_user(&p, v, out)) != ST_OK)
            return st;
    }
    if ((st = refuse_twice(out, USER(user_id), "user_id", &p)) != ST_OK)
        return st;
    return refuse_twice(out, USER(email), "email", &p);
}

static void print_members(cJSON *to, const struct member *table,
                          const struct user *u, struct arena *a)
{
    for (const struct member *m = table; m->name; m++) {
        const void *at = (const char *)u + m->at;
        const struct str *text = at;

        if (m->kind == REAL)
            cJSON_AddNumberToObject(to, m->name, *(const double *)at);
        else if (m->kind == WHOLE)
            cJSON_AddNumberToObject(to, m->name, (double)*(const int64_t *)at);
        else if (text->n)
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

/* The contract of objects.h, listing and getting many at once, and packs;
 * arguments as t/unit/objects. */
#include <string.h>
#include "t/unit/objects.h"

#define MD5_A "0cc175b9c0f1b6a831c399e269772661" /* of "a" */

/* ---- listing ---- */

struct seen {
    size_t n, stop_at;
    char keys[64][300];
    struct object_entry entry[64]; /* their keys point nowhere */
};

static enum status see(void *ctx, const struct object_entry *e)
{
    struct seen *seen = ctx;

    snprintf(seen->keys[seen->n], sizeof *seen->keys, "%.*s", STR_ARG(e->key));
    seen->entry[seen->n++] = *e;
    return seen->n == seen->stop_at ? ST_GONE_CLIENT : ST_OK;
}

static struct seen *list(struct str prefix)
{
    static struct seen seen;
    int pages;

    seen.n = seen.stop_at = 0;
    CHECK(objects_list(store, prefix, soon(), see, &seen, &pages, &err) ==
              ST_OK &&
          pages >= 1);
    return &seen;
}

static void listing(void)
{
    static const char *const trips[] = {"b", "a", "a_x", "a.y", "a0"};
    struct str prefix = key_trips_prefix(arena, str_of(user));
    struct etag etag[5], summary;
    struct seen *s;
    int pages;

    for (int i = 0; i < 5; i++)
        CHECK(put(trip_key(trips[i], 1000 + i), trips[i], COND_NONE, NULL,
                  &etag[i]) == ST_OK);
    CHECK(put(key_summary(arena, str_of(user)), "s", COND_NONE, NULL,
              &summary) == ST_OK);
    s = list(prefix);
    CHECK(s->n == 5);
    for (size_t i = 1; i < s->n; i++)
        CHECK(strcmp(s->keys[i - 1], s->keys[i]) < 0);
    CHECK(str_eq(str_of(s->keys[4]), trip_key("b", 1000)) &&
          !strcmp(s->entry[4].etag.z, etag[0].z) && s->entry[4].size == 1 &&
          s->entry[4].modified_us > 0);

    s = list(key_trip_prefix(arena, str_of(user), STR_LIT("a")));
    CHECK(s->n == 2 && str_eq(str_of(s->keys[0]), trip_key("a", 1001)) &&
          str_eq(str_of(s->keys[1]), trip_key("a_x", 1002)));
    s = list(arena_printf(arena, "users/%s/", user));
    CHECK(s->n == 6 && !strcmp(s->entry[0].etag.z, summary.z));
    CHECK(list(arena_printf(arena, "users/%s-/trips/", user))->n == 0);

    s->n = 0;
    s->stop_at = 2;
    CHECK(objects_list(store, prefix, soon(), see, s, &pages, &err) ==
              ST_GONE_CLIENT &&
          s->n == 2);
    CHECK(objects_list(store, STR_LIT("users/"), soon(), see, s, &pages,
                       &err) == ST_INTERNAL);
}

static enum status look_for_user(void *ctx, struct str user_id)
{
    *(int *)ctx += str_is(user_id, user);
    return ST_OK;
}

static void drivers(void)
{
    int found = 0;

    CHECK(objects_drivers(store, soon(), look_for_user, &found, &err) ==
              ST_OK &&
          found == 1);
}

struct gets {
    int n, ok, absent, other, stop_at;
};

static enum status count_got(void *ctx, const struct object_want *want,
                             enum status st, const struct object *obj,
                             const struct err *why)
{
    struct gets *g = ctx;

    g->n++;
    g->ok += st == ST_OK && str_is(obj->body, want->user);
    g->absent += st == ST_NOT_FOUND && !obj && why->st == st;
    g->other += st == ST_PRECONDITION && !obj;
    return g->n == g->stop_at ? ST_GONE_CLIENT : ST_OK;
}

static void many(void)
{
    static char a[] = "a", b[] = "b";
    const struct object_want want[] = {
        {trip_key("b", 1000), {""}, {""}, b},
        {trip_key("none", 1), {""}, {""}, a},
        {trip_key("a", 1001), {"x"}, {""}, a},
        {trip_key("a", 1001), {MD5_A}, {""}, a},
        {trip_key("a", 1001), {""}, {MD5_A}, a},
        {trip_key("a", 1001), {""}, {"x"}, a},
        {trip_key("none", 1), {""}, {"x"}, a},
    };
    const size_t n = sizeof want / sizeof *want;
    struct gets g = {0};

    CHECK(objects_get_many(store, want, n, BODY_MAX, soon(), count_got, &g,
                           &err) == ST_OK);
    CHECK(g.n == (int)n && g.ok == 3 && g.absent == 2 && g.other == 2);
    g = (struct gets){.stop_at = 2};
    CHECK(objects_get_many(store, want, n, BODY_MAX, soon(), count_got, &g,
                           &err) == ST_GONE_CLIENT &&
          g.n >= 2);
    CHECK(objects_get_many(store, want, 0, BODY_MAX, soon(), count_got, &g,
                           &err) == ST_OK);
}

/* ---- ranges, and gets beside them ---- */

/* The trips listed of a range, as "a a_x b ". */
struct names {
    char text[200];
    bool ordered;
    char last[300];
};

static enum status name(void *ctx, const struct object_entry *e)
{
    struct names *n = ctx;
    struct str owner, trip;
    size_t at = strlen(n->text);
    int64_t ms;

    if (!key_parse_trip(e->key, &owner, &trip, &ms))
        trip = e->key;
    snprintf(n->text + at, sizeof n->text - at, "%.*s ", STR_ARG(trip));
    n->ordered = n->ordered && str_cmp(str_of(n->last), e->key) < 0;
    snprintf(n->last, sizeof n->last, "%.*s", STR_ARG(e->key));
    return ST_OK;
}

static struct object_range range(struct names *n, struct str after,
                                 struct str until)
{
    *n = (struct names){.ordered = true};
    return (struct object_range){.prefix =
                                     key_trips_prefix(arena, str_of(user)),
                                 .after = after,
                                 .until = until,
                                 .listed = name,
                                 .ctx = n};
}

static bool range_is(struct str after, struct str until, const char *names)
{
    struct names n;
    struct object_range r = range(&n, after, until);

    return objects_look(store, &r, 1, NULL, 0, 0, soon(), NULL, NULL, &err) ==
               ST_OK &&
           n.ordered && r.pages == 1 && !r.more && strcmp(n.text, names) == 0;
}

static struct str near(const char *tail)
{
    return arena_printf(arena, "users/%s/trips/%s", user, tail);
}

/* Byte order: "a.y_" < "a0_" < "a_1" < "a_x" < "b_1". */
static void bounds(void)
{
    struct str none = STR_NONE;

    CHECK(range_is(none, none, "a.y a0 a a_x b "));
    CHECK(range_is(trip_key("a", 1001), none, "a_x b "));
    CHECK(range_is(none, trip_key("a", 1001), "a.y a0 a "));
    CHECK(range_is(trip_key("a.y", 1003), trip_key("a_x", 1002), "a0 a a_x "));
    CHECK(range_is(trip_key("a", 1001), trip_key("a", 1001), ""));
    CHECK(range_is(trip_key("b", 1000), none, ""));
    CHECK(range_is(trip_key("b", 1000), trip_key("a", 1001), ""));
    /* What is no key of ours bounds as well. */
    CHECK(range_is(near("a/"), near("a_ ? &+%"), "a0 "));
    CHECK(range_is(STR_LIT("a"), STR_LIT("zz"), "a.y a0 a a_x b "));
    CHECK(range_is(STR_LIT("zz"), none, ""));
    CHECK(range_is(none, STR_LIT("a"), ""));
}

static void all_at_once(void)
{
    static char a[] = "a";
    struct str at[4] = {STR_NONE, trip_key("a.y", 1003), near("a_2"), STR_NONE};
    struct object_want want[2] = {
        {.key = trip_key("a", 1001), .user = a},
        {.key = key_summary(arena, str_of(user)), .unless = {MD5_A}, .user = a},
    };
    struct names names[3];
    struct object_range r[3];
    struct gets g = {0};

    for (int i = 0; i < 3; i++)
        r[i] = range(&names[i], at[i], at[i + 1]);
    r[0].one_page = true;
    CHECK(objects_look(store, r, 3, want, 2, BODY_MAX, soon(), count_got, &g,
                       &err) == ST_OK);
    CHECK(!strcmp(names[0].text, "a.y ") && !strcmp(names[1].text, "a0 a ") &&
          !strcmp(names[2].text, "a_x b "));
    CHECK(r[0].pages == 1 && r[1].pages == 1 && !r[0].more && !r[2].more);
    CHECK(g.n == 2 && g.ok == 1);

    g = (struct gets){.stop_at = 1};
    CHECK(objects_look(store, r, 3, want, 2, BODY_MAX, soon(), count_got, &g,
                       &err) == ST_GONE_CLIENT &&
          g.n == 1);
    r[1].prefix = STR_LIT("users/");
    CHECK(objects_look(store, r, 3, want, 2, BODY_MAX, soon(), count_got, &g,
                       &err) == ST_INTERNAL);
}

static void packs(void)
{
    struct str key = key_pack(arena, str_of(user), 7), body = STR_LIT("pack");
    struct etag one, two;
    struct object o;
    struct seen *s;

    CHECK(list(key_packs_prefix(arena, str_of(user)))->n == 0);
    CHECK(objects_put_derived(store, key, STR_LIT("old"), COND_NONE, NULL,
                              soon(), &one, &err) == ST_OK);
    CHECK(objects_put_derived(store, key, body, COND_ABSENT, NULL, soon(), &two,
                              &err) == ST_PRECONDITION);
    CHECK(objects_put_derived(store, key, body, COND_MATCH, &one, soon(), &two,
                              &err) == ST_OK);
    CHECK(objects_get(store, key, &two, BODY_MAX, soon(), arena, &o, &err) ==
              ST_OK &&
          str_eq(o.body, body) && o.meta.trip_id.n == 0);
    s = list(key_packs_prefix(arena, str_of(user)));
    CHECK(s->n == 1 && str_eq(str_of(s->keys[0]), key) &&
          s->entry[0].size == 4 && !strcmp(s->entry[0].etag.z, two.z));
    s = list(arena_printf(arena, "users/%s/", user));
    CHECK(s->n == 7 && str_eq(str_of(s->keys[0]), key));
    CHECK(objects_delete_unwatched(store, key, soon(), &err) == ST_OK);
    CHECK(list(key_packs_prefix(arena, str_of(user)))->n == 0);
}

int main(int argc, char **argv)
{
    store_start(argc > 1 ? argv[1] : NULL);
    listing();
    drivers();
    many();
    bounds();
    all_at_once();
    packs();
    store_end();
    return tap_end();
}

#include "store/keys.h"
#include "t/unit/tap.h"

static void ids(void)
{
    char longest[ID_MAX + 2];

    memset(longest, 'a', sizeof longest);
    CHECK(id_valid((struct str){longest, ID_MAX}));
    CHECK(!id_valid((struct str){longest, ID_MAX + 1}));
    CHECK(id_valid(STR_LIT("a.b_c@d+e:f=g-H9")) && id_valid(STR_LIT("_")));
    CHECK(!id_valid(STR_NONE) && !id_valid(STR_LIT(".a")));
    CHECK(!id_valid(STR_LIT("a/b")) && !id_valid(STR_LIT("..")));
    CHECK(!id_valid(STR_LIT("a\nb")) && !id_valid(STR_LIT("a b")));
    CHECK(!id_valid((struct str){"a\0b", 3}) && !id_valid(STR_LIT("\303\244")));
}

/* Each is named by what comes first in it, and what is valid has none. */
static void faults(void)
{
    static const struct {
        struct str id;
        enum id_fault fault;
    } cases[] = {{STR_LIT("a.b_c@d+e:f=g-H9"), ID_FINE},
                 {STR_NONE, ID_EMPTY},
                 {STR_LIT(".a b"), ID_DOT},
                 {STR_LIT("a b'c"), ID_BLANK},
                 {STR_LIT("o'brien"), ID_APOSTROPHE},
                 {STR_LIT("a/b"), ID_SLASH},
                 {STR_LIT("jos\303\251"), ID_LETTER},
                 {STR_LIT("a\nb"), ID_CONTROL},
                 {STR_LIT("a\177"), ID_CONTROL},
                 {{"a\0b", 3}, ID_CONTROL},
                 {STR_LIT("a#b"), ID_CHARACTER}};
    char longest[ID_MAX + 1];

    memset(longest, 'a', sizeof longest);
    CHECK(id_fault((struct str){longest, ID_MAX}) == ID_FINE);
    CHECK(id_fault((struct str){longest, ID_MAX + 1}) == ID_LONG);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(id_fault(cases[i].id) == cases[i].fault);
        CHECK(id_valid(cases[i].id) == (cases[i].fault == ID_FINE));
    }
}

static void made(struct arena *a)
{
    struct str u = STR_LIT("u"), t = STR_LIT("trip_u_1"), user, trip;
    int64_t ms = 7;

    CHECK(str_is(key_trip(a, u, t, 1766241265000),
                 "users/u/trips/trip_u_1_1766241265000.json.gz"));
    CHECK(str_is(key_trips_prefix(a, u), "users/u/trips/"));
    CHECK(str_is(key_trip_prefix(a, u, t), "users/u/trips/trip_u_1_"));
    CHECK(str_is(key_summary(a, u), "users/u/summary.json.gz"));
    CHECK(key_is_summary(key_summary(a, u)) &&
          !key_is_summary(key_trip(a, u, t, 1)));
    CHECK(
        key_parse_trip(key_trip(a, u, t, -62135596800000), &user, &trip, &ms) &&
        str_eq(user, u) && str_eq(trip, t) && ms == -62135596800000);
    CHECK(key_parse_trip(key_trip(a, u, t, 0), &user, &trip, &ms) && ms == 0);
    CHECK(key_parse_trip(key_trip(a, u, t, INT64_C(1) << 53), &user, &trip,
                         &ms) &&
          ms == INT64_C(1) << 53);
    CHECK(str_is(key_driver(STR_LIT("users/u/")), "u"));
    CHECK(key_driver(STR_LIT("users/u")).n == 0 &&
          key_driver(STR_LIT("users/.u/x")).n == 0 &&
          key_driver(STR_LIT("user/u/x")).n == 0);
}

static void packs(struct arena *a)
{
    static const char *const bad[] = {
        "users/u/packs/",           "users/u/packs/.json.gz",
        "users/u/packs/0.json.gz",  "users/u/packs/01.json.gz",
        "users/u/packs/-1.json.gz", "users/u/packs/+1.json.gz",
        "users/u/packs/1.json",     "users/u/packs/9223372036854775808.json.gz",
        "users/u/packs/x.json.gz",  "users/u/packs/1/1.json.gz",
        "users/u/trips/1.json.gz",  "users/../packs/1.json.gz",
    };
    struct str u = STR_LIT("u"), user;
    int64_t number = 7;

    CHECK(str_is(key_packs_prefix(a, u), "users/u/packs/"));
    CHECK(str_is(key_pack(a, u, 10), "users/u/packs/10.json.gz"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        tap_ok(!key_parse_pack(str_of(bad[i]), &user, &number), "\"%s\"",
               bad[i]);
    CHECK(number == 7);
    CHECK(key_parse_pack(key_pack(a, u, INT64_C(1) << 53), &user, &number) &&
          str_eq(user, u) && number == INT64_C(1) << 53);
    CHECK(!key_parse_pack(key_pack(a, u, (INT64_C(1) << 53) + 1), &user,
                          &number));
}

static void refused(void)
{
    static const char *const bad[] = {
        "",
        "users/",
        "users/u/trips/",
        "users/u/trips/.json.gz",
        "users/u/trips/t.json.gz",
        "users/u/trips/_1.json.gz",
        "users/u/trips/t_.json.gz",
        "users/u/trips/t_-.json.gz",
        "users/u/trips/t_01.json.gz",
        "users/u/trips/t_-0.json.gz",
        "users/u/trips/t_+1.json.gz",
        "users/u/trips/t_1.json",
        "users/u/trips/t_9223372036854775808.json.gz",
        "users/u/trips/t_9007199254740993.json.gz",
        "users/u/trips/t_-9007199254740993.json.gz",
        "users/u/trips/.t_1.json.gz",
        "users/u/trips/../t_1.json.gz",
        "users//trips/t_1.json.gz",
        "users/u/x/t_1.json.gz",
        "users/u/summary.json.gz",
        "xusers/u/trips/t_1.json.gz",
    };
    struct str user, trip;
    int64_t ms = 7;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        tap_ok(!key_parse_trip(str_of(bad[i]), &user, &trip, &ms), "\"%s\"",
               bad[i]);
    CHECK(ms == 7);
    CHECK(!key_is_summary(STR_LIT("users/u/summary.json.gz.")) &&
          !key_is_summary(STR_LIT("users/a/b/summary.json.gz")) &&
          !key_is_summary(STR_LIT("users/../summary.json.gz")));
}

int main(void)
{
    struct arena *a = arena_new(0);

    ids();
    faults();
    made(a);
    packs(a);
    refused();
    arena_free(&a);
    return tap_end();
}

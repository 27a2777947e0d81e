#include "driver/user_json.h"
#include "t/unit/tap.h"

#define WHOLE                                                                  \
    "{\"user_id\":\"u1\",\"email\":\"A.B@C.de\",\"name\":\"A\","               \
    "\"zipcode\":\"68102\",\"base_point\":{\"latitude\":41.5,"                 \
    "\"longitude\":-95.25,\"city\":\"Omaha\",\"state\":\"NE\","                \
    "\"source\":\"zipcode\",\"zipcode\":\"68102\"},\"privacy_settings\":"      \
    "{\"anonymizationRadius\":10,\"dataRetentionPeriod\":12,"                  \
    "\"consentLevel\":\"full\"}}"

static void round_trip(struct arena *a)
{
    struct user_list list, back;
    struct err err = ERR_NONE;
    const struct user *u;

    CHECK(users_parse(STR_LIT("[" WHOLE "]"), a, &list, &err) == ST_OK);
    CHECK(list.n == 1);
    CHECK(users_parse(user_print(&list.user[0], a), a, &back, &err) == ST_OK);
    u = &back.user[0];
    CHECK(str_is(u->email, "a.b@c.de") && str_is(u->user_id, "u1"));
    CHECK(u->has_base_point && u->latitude == 41.5 && u->longitude == -95.25 &&
          str_is(u->city, "Omaha") && str_is(u->base_zipcode, "68102"));
    CHECK(u->has_privacy && u->retention_months == 12 &&
          str_is(u->consent, "full"));
}

static void refused(struct arena *a)
{
    static const char *const bad[] = {
        "7",
        "[7]",
        "[{}]",
        "[{\"user_id\":\"u1\"}]",
        "[{\"user_id\":\"../u\",\"email\":\"a@b.c\"}]",
        "[{\"user_id\":\"u1\",\"email\":\"nobody\"}]",
        "[{\"user_id\":7,\"email\":\"a@b.c\"}]",
        "[{\"user_id\":\"u1\",\"email\":\"a@b.c\",\"nmae\":\"x\"}]",
        "[{\"user_id\":\"u1\",\"email\":\"a@b.c\",\"base_point\":7}]",
        "[{\"user_id\":\"u1\",\"email\":\"a@b.c\",\"base_point\":"
        "{\"latitude\":91,\"longitude\":0}}]",
        "[{\"user_id\":\"u1\",\"email\":\"a@b.c\",\"base_point\":"
        "{\"latitude\":41,\"city\":\"Omaha\"}}]",
        "[{\"user_id\":\"u1\",\"email\":\"a@b.c\",\"base_point\":"
        "{\"latitude\":41,\"longitude\":null}}]",
        "[{\"user_id\":\"u1\",\"email\":\"a@b.c\",\"privacy_settings\":"
        "{\"dataRetentionPeriod\":25,\"consentLevel\":\"full\"}}]",
        "[" WHOLE "," WHOLE "]",
        "[{\"user_id\":\"u1\",\"user_id\":\"u2\",\"email\":\"a@b.c\"}]",
    };
    struct user_list list;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err err = ERR_NONE;

        tap_ok(users_parse(str_of(bad[i]), a, &list, &err) == ST_BAD_REQUEST &&
                   err.text[0],
               "refused: %s", bad[i]);
    }
}

int main(void)
{
    struct arena *a = arena_new(4096);

    round_trip(a);
    refused(a);
    arena_free(&a);
    return tap_end();
}

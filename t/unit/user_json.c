#include "driver/user_file.h"
#include "t/unit/tap.h"

#define WHOLE                                                                  \
    "{\"user_id\":\"u1\",\"email\":\"A.B@C.de\",\"name\":\"A\","               \
    "\"zipcode\":\"68102\",\"base_point\":{\"latitude\":41.5,"                 \
    "\"longitude\":-95.25,\"city\":\"Omaha\",\"state\":\"NE\","                \
    "\"source\":\"zipcode\",\"zipcode\":\"68102\"},\"privacy_settings\":"      \
    "{\"anonymizationRadius\":10,\"dataRetentionPeriod\":12,"                  \
    "\"consentLevel\":\"full\"}}"

static struct user_file file;

static enum status read_file(const char *text, struct arena *a)
{
    struct err err = ERR_NONE;

    return user_file_read(str_of(text), a, &file, &err);
}

static const struct user *one(const char *text, struct arena *a)
{
    CHECK(read_file(text, a) == ST_OK && file.n == 1 &&
          file.entry[0].why.n == 0);
    return &file.entry[0].user;
}

static void round_trip(struct arena *a)
{
    const struct user *u = one("[" WHOLE "]", a);

    CHECK(u->keeps == USER_KEEPS_ROLE && u->foreign.n == 0); /* it has none */
    u = one(arena_z(a, user_print(u, a)), a);
    CHECK(str_is(u->email, "a.b@c.de") && str_is(u->user_id, "u1"));
    CHECK(u->has_base_point && u->latitude == 41.5 && u->longitude == -95.25 &&
          str_is(u->city, "Omaha") && str_is(u->base_zipcode, "68102"));
    CHECK(u->has_privacy && u->retention_months == 12 &&
          str_is(u->consent, "full"));
    CHECK(u->keeps == USER_KEEPS_ROLE);
}

static void kept_and_removed(struct arena *a)
{
    const struct user *u = one(
        "{\"user_id\":\"u1\",\"name\":null,\"old\":null,\"new\":[1.50]}", a);

    CHECK(u->keeps == (USER_KEEPS_ALL & ~USER_KEEPS_NAME) && u->name.n == 0);
    CHECK(str_is(u->foreign,
                 "{\"old\":null,\"new\":{\"L\":[{\"N\":\"1.50\"}]}}"));
    CHECK(user_foreign_count(u) == 1);
    u = one("{\"user_id\":\"u1\",\"privacy_settings\":{\"consentLevel\":"
            "\"full\",\"more\":true}}",
            a);
    CHECK(u->has_privacy && u->retention_months == -1 &&
          u->anonymization_radius == -1);
    CHECK(str_is(u->foreign, "{\"privacy_settings\":{\"M\":{\"more\":{\"BOOL\":"
                             "true}}}}"));
}

/* As DynamoDB writes it: with numbers as texts, and the other way round. */
#define ITEM                                                                   \
    "{\"user_id\":{\"S\":\"u1\"},\"email\":{\"S\":\"A@b.c\"},"                 \
    "\"zipcode\":{\"N\":\"68102\"},\"name\":{\"NULL\":true},"                  \
    "\"base_point\":{\"M\":{\"latitude\":{\"S\":\"41.5\"},"                    \
    "\"longitude\":{\"N\":\"-95.25\"},\"at\":{\"N\":\"1\"}}},"                 \
    "\"password_hash\":{\"B\":\"AAEC\"},\"tags\":{\"SS\":[\"a\"]},"            \
    "\"gone\":{\"NULL\":true}}"

static void typed(struct arena *a)
{
    static const char *const files[] = {ITEM, "[" ITEM "]",
                                        "{\"Items\":[" ITEM "],\"Count\":1}",
                                        "\n{\"Item\":" ITEM "}\n"};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const struct user *u = one(files[i], a);

        CHECK(str_is(u->user_id, "u1") && str_is(u->email, "a@b.c"));
        CHECK(str_is(u->zipcode, "68102") && u->latitude == 41.5 &&
              u->longitude == -95.25);
        CHECK(!(u->keeps & USER_KEEPS_NAME) && u->name.n == 0);
        CHECK(str_is(u->foreign,
                     "{\"base_point\":{\"M\":{\"at\":{\"N\":\"1\"}}},"
                     "\"password_hash\":{\"B\":\"AAEC\"},"
                     "\"tags\":{\"SS\":[\"a\"]},\"gone\":{\"NULL\":true}}"));
    }
}

static void lines(struct arena *a)
{
    CHECK(read_file("{\"Item\":" ITEM "}\n\n{\"user_id\":\"u2\"}\n{no\n", a) ==
          ST_OK);
    CHECK(file.lines && file.n == 3 && file.entry[1].place == 3 &&
          file.entry[1].why.n == 0);
    CHECK(file.entry[2].place == 4 && file.entry[2].why.n);
}

/* One that is wrong is no reason to refuse another. */
static void refused(struct arena *a)
{
    static const char *const bad[] = {
        "7",
        "{}",
        "{\"user_id\":\"../u\",\"email\":\"a@b.c\"}",
        "{\"user_id\":\"o'brien\"}",
        "{\"user_id\":null}",
        "{\"user_id\":\"u1\",\"email\":\"nobody\"}",
        "{\"user_id\":7,\"email\":\"a@b.c\"}",
        "{\"user_id\":\"u1\",\"name\":7}",
        "{\"user_id\":\"u1\",\"base_point\":7}",
        "{\"user_id\":\"u1\",\"base_point\":{\"latitude\":91,\"longitude\":0}}",
        "{\"user_id\":\"u1\",\"base_point\":{\"latitude\":41,\"city\":\"O\"}}",
        "{\"user_id\":\"u1\",\"base_point\":"
        "{\"latitude\":41,\"longitude\":null}}",
        "{\"user_id\":\"u1\",\"privacy_settings\":"
        "{\"dataRetentionPeriod\":25,\"consentLevel\":\"full\"}}",
        "{\"user_id\":\"u1\",\"privacy_settings\":{\"consentLevel\":\"all\"}}",
        "{\"user_id\":\"u1\",\"big\":1e200}",
        "{\"user_id\":\"u1\",\"\":1}",
        "{\"user_id\":{\"S\":\"u1\"},\"x\":1}",
        "{\"user_id\":{\"S\":\"u1\"},\"x\":{\"S\":1}}",
        "{\"user_id\":{\"S\":\"u1\"},\"x\":{\"N\":\"1\",\"S\":\"1\"}}",
        "{\"user_id\":{\"S\":\"u1\"},\"x\":{\"L\":[{\"NS\":[]}]}}",
        "{\"user_id\":{\"S\":\"u1\"},\"email\":{\"M\":{}}}",
        "{\"user_id\":{\"S\":\"u1\"},\"base_point\":{\"S\":\"{}\"}}",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        tap_ok(read_file(arena_printf(a, "[%s," WHOLE "]", bad[i]).p, a) ==
                       ST_OK &&
                   file.n == 2 && file.entry[0].why.n &&
                   file.entry[1].why.n == 0,
               "refused, alone: %s", bad[i]);
    tap_ok(read_file("[{\"user_id\":\"u1\",\"user_id\":\"u2\"}]", a) ==
               ST_BAD_REQUEST,
           "refused: no JSON at all");
}

static void too_many(struct arena *a)
{
    struct buf b;

    buf_init(&b, 65536);
    buf_putz(&b, "{\"user_id\":\"u1\"");
    for (int i = 0; i < USER_FOREIGN_MAX; i++)
        buf_printf(&b, ",\"m%d\":%d", i, i);
    CHECK(user_foreign_count(
              one(arena_printf(a, "%.*s}", STR_ARG(buf_str(&b))).p, a)) ==
          USER_FOREIGN_MAX);
    CHECK(read_file(arena_printf(a, "%.*s,\"m\":1}", STR_ARG(buf_str(&b))).p,
                    a) == ST_OK &&
          file.entry[0].why.n);
    buf_free(&b);
}

static void twice(struct arena *a)
{
    CHECK(read_file("[{\"user_id\":\"u1\",\"email\":\"a@b.c\"},"
                    "{\"user_id\":\"u2\",\"email\":\"A@b.c\"},"
                    "{\"user_id\":\"u1\",\"email\":\"x@b.c\"},"
                    "{\"user_id\":\"u3\",\"email\":\"y@b.c\"}]",
                    a) == ST_OK);
    CHECK(file.n == 4 && file.entry[0].why.n == 0 && file.entry[2].why.n);
    CHECK(file.entry[1].like == &file.entry[0] && !file.entry[0].like);
    CHECK(file.entry[0].user.shares_email && file.entry[1].user.shares_email &&
          !file.entry[3].user.shares_email);
}

int main(void)
{
    struct arena *a = arena_new(4096);

    round_trip(a);
    kept_and_removed(a);
    typed(a);
    lines(a);
    refused(a);
    too_many(a);
    twice(a);
    arena_free(&a);
    return tap_end();
}

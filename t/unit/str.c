#include <math.h>
#include "base/shown.h"
#include "base/str.h"
#include "t/unit/tap.h"

/* What a terminal would obey, and what is long. */
static void shown(void)
{
    char text[SHOWN_MAX + 1];

    CHECK(strcmp(shown_of(STR_LIT("o'brien \303\244")).z, "o'brien \303\244") ==
          0);
    CHECK(strcmp(shown_of(STR_LIT("\033[2J\t\177")).z, "?[2J??") == 0);
    CHECK(strcmp(shown_of(STR_LIT("\302\233m")).z, "??m") == 0);
    CHECK(shown_of(STR_NONE).z[0] == '\0');
    memset(text, 'a', sizeof text);
    CHECK(strlen(shown_of((struct str){text, SHOWN_MAX - 4}).z) ==
          SHOWN_MAX - 4);
    CHECK(strlen(shown_of((struct str){text, sizeof text}).z) == SHOWN_MAX - 1);
    memcpy(text + SHOWN_MAX - 5, "\303\244", 2); /* the cut is within it */
    CHECK(strcmp(shown_of((struct str){text, sizeof text}).z + SHOWN_MAX - 5,
                 "...") == 0);
}

static void numbers(void)
{
    int64_t i = 7;
    double d = 7;

    CHECK(str_to_i64(STR_LIT("-9223372036854775808"), &i) && i == INT64_MIN);
    CHECK(str_to_i64(STR_LIT("9223372036854775807"), &i) && i == INT64_MAX);
    CHECK(!str_to_i64(STR_LIT("9223372036854775808"), &i));
    CHECK(!str_to_i64(STR_LIT("-9223372036854775809"), &i));
    CHECK(!str_to_i64(STR_LIT("-"), &i) && !str_to_i64(STR_LIT(""), &i));
    CHECK(!str_to_i64(STR_LIT(" 1"), &i) && !str_to_i64(STR_LIT("1x"), &i));
    CHECK(i == INT64_MAX);

    CHECK(str_to_double(STR_LIT(" 1.5e3 "), &d) && d == 1500);
    CHECK(str_to_double(STR_LIT("1" /* a long one goes by the heap */
                                "0000000000000000000000000000000000000000"
                                "0000000000000000000000000000000000000000"),
                        &d) &&
          d == 1e80);
    CHECK(!str_to_double(STR_LIT("nan"), &d));
    CHECK(!str_to_double(STR_LIT("1e400"), &d));
    CHECK(!str_to_double(STR_LIT("1 2"), &d) && !str_to_double(STR_NONE, &d));
    CHECK(!str_to_double((struct str){"1\0"
                                      "2",
                                      3},
                         &d));
    CHECK(d == 1e80);
}

static void views(void)
{
    CHECK(str_eq(str_trim(STR_LIT(" \t a b\n")), STR_LIT("a b")));
    CHECK(str_trim(STR_LIT("  ")).n == 0);
    CHECK(str_cmp(STR_LIT("ab"), STR_LIT("abc")) < 0);
    CHECK(str_cmp(STR_LIT("b"), STR_LIT("abc")) > 0);
    CHECK(str_cmp(STR_NONE, STR_NONE) == 0);
    CHECK(str_starts(STR_LIT("users/x"), STR_LIT("users/")));
    CHECK(!str_ends(STR_LIT(".gz"), STR_LIT("json.gz")));
}

int main(void)
{
    shown();
    numbers();
    views();
    return tap_end();
}

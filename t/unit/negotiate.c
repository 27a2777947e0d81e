/* Codings by RFC 9110, 12.5.3, and ETags by 13.1.2. */
#include "answer/negotiate.h"
#include "t/unit/tap.h"

static void codings(void)
{
    static const struct {
        const char *header;
        enum coding want;
    } cases[] = {
        {"", CODING_PLAIN},
        {"gzip", CODING_GZIP},
        {"GZip", CODING_GZIP},
        {"x-gzip", CODING_GZIP},
        {"gzip, deflate, br", CODING_GZIP},
        {"deflate, br", CODING_PLAIN},
        {"identity", CODING_PLAIN},
        {"gzip;q=0", CODING_PLAIN},
        {"gzip;q=0.000", CODING_PLAIN},
        {"gzip;q=0.001", CODING_GZIP},
        {"gzip ; Q=1.0", CODING_GZIP},
        {"gzip;q=0.5, identity;q=0.6", CODING_PLAIN},
        {"gzip;q=0.5, identity;q=0.5", CODING_GZIP},
        {"identity;q=0, gzip;q=0.1", CODING_GZIP},
        {"*", CODING_GZIP},
        {"*;q=0.1", CODING_GZIP},
        {"*;q=0", CODING_NONE},
        {"*;q=0, identity", CODING_PLAIN},
        {"*;q=0, gzip", CODING_GZIP},
        {"gzip;q=0, *", CODING_PLAIN},
        {"identity;q=0", CODING_NONE},
        {"identity;q=0, *;q=0.5", CODING_GZIP},
        {"gzip;q=0, identity;q=0", CODING_NONE},
        {"br;q=1, identity;q=0", CODING_NONE},
        {" , gzip , ", CODING_GZIP},
        {"gzip;q=1.000", CODING_GZIP},
        {"gzip;q=2", CODING_PLAIN}, /* no quality: passed over, and so are */
        {"gzip;q=1.5", CODING_PLAIN},
        {"gzip;q=1.001", CODING_PLAIN},
        {"gzip;q=-1", CODING_PLAIN},
        {"gzip;q=0.1234", CODING_PLAIN},
        {"gzip;q=0x5", CODING_PLAIN},
        {"gzip;q=0.a", CODING_PLAIN},
        {"gzip;q=0.:", CODING_PLAIN},
        {"gzip;q=", CODING_PLAIN},
        {"gzip;q=1.5, *", CODING_GZIP}, /* as if it were not there */
        {"gzip, gzip;q=1.5", CODING_GZIP},
        {"gzip;q=0, gzip;q=1.5", CODING_PLAIN},
        {"gzip, identity;q=1.5", CODING_GZIP},
        {"identity;q=0, identity;q=1.5", CODING_NONE},
        {"*;q=0, *;q=1.5", CODING_NONE},
        {"gzip;level=9;q=0.3", CODING_GZIP},
        {"gzipped", CODING_PLAIN},
        {";;,,==", CODING_PLAIN},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        tap_ok(coding_accepted(str_of(cases[i].header)) == cases[i].want,
               "Accept-Encoding: %s", cases[i].header);
    CHECK(coding_accepted(STR_NONE) == CODING_PLAIN);
}

static bool listed(const char *header)
{
    return etag_listed(str_of(header), STR_LIT("W/\"abc\""));
}

static void etags(void)
{
    CHECK(listed("W/\"abc\""));
    CHECK(listed("\"abc\"")); /* weak comparison */
    CHECK(listed(" * "));
    CHECK(listed("\"x\", W/\"abc\""));
    CHECK(listed("\"x,\",\"abc\" , \"y\""));
    CHECK(!listed(""));
    CHECK(!listed("abc"));
    CHECK(!listed("\"abc"));
    CHECK(!listed("\"ab\", \"abcd\""));
    CHECK(!listed("\"x, \"abc, *"));
    CHECK(!listed("**"));
    CHECK(etag_listed(STR_LIT("W/\"s\""), STR_LIT("\"s\"")));
    CHECK(!etag_listed(STR_NONE, STR_LIT("\"\"")));
}

int main(void)
{
    codings();
    etags();
    return tap_end();
}

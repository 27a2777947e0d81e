#include <stdlib.h>
#include <string.h>
#include "base/isotime.h"
#include "t/unit/tap.h"

#define SECOND INT64_C(1000000)

static bool parses(const char *z, int64_t want)
{
    int64_t us = 7;

    if (time_parse(str_of(z), &us) && us == want)
        return true;
    tap_note("%s: %lld, not %lld", z, (long long)us, (long long)want);
    return false;
}

static bool refused(const char *z)
{
    int64_t us = 7;

    if (!time_parse(str_of(z), &us) && us == 7)
        return true;
    tap_note("%s: %lld", z, (long long)us);
    return false;
}

static void accepted(void)
{
    int64_t t = 1766241094 * SECOND;

    CHECK(parses("1970-01-01", 0));
    CHECK(parses("2025-12-20T14:31:34Z", t));
    CHECK(parses("2025-12-20 14:31:34", t));
    CHECK(parses("2025-12-20T14:31:34+00:00", t));
    CHECK(parses("2025-12-20T08:31:34-06:00", t));
    CHECK(parses("2025-12-21T00:01:34+09:30", t));
    CHECK(parses("2025-12-20T14:31Z", t - 34 * SECOND));
    CHECK(parses("2025-12-20", t - 52294 * SECOND));
    CHECK(parses("2025-12-20T14:31:34.5Z", t + 500000));
    CHECK(parses("2025-12-20T14:31:34.000001", t + 1));
    CHECK(parses("2025-12-20T14:31:34.123456789Z", t + 123456));
    CHECK(parses("1969-12-31T23:59:59.999999", -1));
    CHECK(parses("0001-01-01T00:00:00Z", -62135596800 * SECOND));
    CHECK(parses("9999-12-31T23:59:59.999999Z", 253402300800 * SECOND - 1));
    CHECK(parses("2025-12-20t14:31:34z", t));
    CHECK(parses("2025-12-20T14:31:34+0000", t));
    CHECK(parses("2025-12-20T08:31:34-0600", t));
    CHECK(parses("2025-12-21T00:01:34+0930", t));
    CHECK(parses("2025-12-20T19:31:34+05", t));
    CHECK(parses("2025-12-20T14:31:34.25Z[UTC]", t + 250000));
    CHECK(parses("2025-12-20T08:31:34-06:00[America/Chicago]", t));
    CHECK(parses("2025-12-20T08:31:34-06[x y]", t));
    CHECK(parses("2025-12-20T14:30:60Z", t - 34 * SECOND));
    CHECK(parses("2025-12-20T14:30:60.5", t - 34 * SECOND + 500000));
    CHECK(parses("2016-12-31T23:59:60Z", 1483228800 * SECOND));
    CHECK(parses("1766241094000", t) && parses("1766241094001", t + 1000));
    CHECK(parses("100000000000", 100000000 * SECOND));
    CHECK(parses("2000-02-29", 951782400 * SECOND));
    CHECK(parses("2024-02-29", 1709164800 * SECOND));
}

static void wrong(void)
{
    static const char *const list[] = {"",
                                       "2025",
                                       "2025-12",
                                       "2025-1-02",
                                       "20251220",
                                       "0000-01-01",
                                       "2025-00-01",
                                       "2025-13-01",
                                       "2025-01-00",
                                       "2025-01-32",
                                       "2025-04-31",
                                       "2025-02-29",
                                       "1900-02-29",
                                       "2025-12-20T",
                                       "2025-12-20T14",
                                       "2025-12-20T14:3",
                                       "2025-12-20T24:00:00Z",
                                       "2025-12-20T14:60Z",
                                       "2025-12-20T14:31:61Z",
                                       "9999-12-31T23:59:60Z",
                                       "2025-12-20T14:31:34.",
                                       "2025-12-20T14:31:34.Z",
                                       "2025-12-20T14:31:34.1234567890Z",
                                       "2025-12-20T14:31.5Z",
                                       "2025-12-20T14:31:34+6",
                                       "2025-12-20T14:31:34+06:",
                                       "2025-12-20T14:31:34+06:0",
                                       "2025-12-20T14:31:34+060",
                                       "2025-12-20T14:31:34+06000",
                                       "2025-12-20T14:31:34+24",
                                       "2025-12-20T14:31:34+24:00",
                                       "2025-12-20T14:31:34+00:60",
                                       "2025-12-20T14:31:34+0060",
                                       "2025-12-20T14:31:34[America/Chicago]",
                                       "2025-12-20T14:31:34Z[]",
                                       "2025-12-20T14:31:34Z[UTC",
                                       "2025-12-20T14:31:34Z[UTC]x",
                                       "2025-12-20T14:31:34Z[UTC][x]",
                                       "2025-12-20T14:31:34[UTC]Z",
                                       "17662410940",
                                       "099999999999",
                                       "17662410940000",
                                       "1766241094000.5",
                                       "-1766241094000",
                                       "+176624109400",
                                       " 1766241094000",
                                       "2025-12-20T14:31:34ZZ",
                                       "2025-12-20T14:31:34Z ",
                                       " 2025-12-20",
                                       "2025-12-20T14:31:34 Z",
                                       "2025/12/20",
                                       "+025-12-20",
                                       "junk",
                                       "0001-01-01T00:00:00+00:01",
                                       "9999-12-31T23:59:59-00:01",
                                       "2025-12-20T14:31:34,5Z"};
    int64_t us;

    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        tap_ok(refused(list[i]), "refused: %s", list[i]);
    CHECK(!time_parse((struct str){"2025-12-20\0", 11}, &us));
}

static int64_t read(const char *json)
{
    struct arena *a = arena_new(1000);
    struct json v;
    int64_t us = 7;

    CHECK(json_check(str_of(json), 1, &v, NULL) == ST_OK);
    if (!time_read(v, a, &us))
        CHECK(us == 7);
    arena_free(&a);
    return us;
}

/* Milliseconds of today's order; seconds are of another, and nobody's guess. */
static void members(void)
{
    int64_t t = 1766241094 * SECOND;

    CHECK(read("\"2025-12-20T14:31:34\\u005a\"") == t);
    CHECK(read("1766241094000") == t && read("1.766241094e12") == t);
    CHECK(read("1766241094000.25") == t + 250);
    CHECK(read("100000000000") == 100000000 * SECOND);
    CHECK(read("9999999999999") == 9999999999999 * 1000);
    CHECK(read("99999999999.9") == 7 && read("10000000000000") == 7);
    CHECK(read("1766241094") == 7 && read("-1766241094000") == 7);
    CHECK(read("0") == 7 && read("null") == 7 && read("true") == 7);
    CHECK(read("\"soon\"") == 7 && read("[]") == 7);
}

/* Every day of 400 years, there and back: the calendar's whole period. */
static void calendar(void)
{
    int64_t bad = 0, us;
    char text[TIME_TEXT_MAX];

    for (int64_t day = 0; day < 146097; day++) {
        struct str s = time_print(day * 86400 * SECOND + day, text);

        bad += !time_parse(s, &us) || us != day * 86400 * SECOND + day;
    }
    CHECK(bad == 0);
}

/* What DynamoDB compares for us (core/store/records_dynamodb_quick.c): texts in
 * UTC, ours and shorter ones of others. */
static void sorting(void)
{
    static const char *const in_order[] = {
        "2025-12-19T23:59:59.999999+00:00", "2025-12-20T14:31+00:00",
        "2025-12-20T14:31:01+00:00",        "2025-12-20T14:31:01.000001+00:00",
        "2025-12-20T14:31:01.4+00:00",      "2025-12-20T14:31:01.45+00:00",
        "2025-12-20T14:31:01.500000+00:00", "2025-12-20T14:31:02+00:00",
        "2025-12-20T14:32+00:00",           "2026-01-01T00:00:00+00:00"};
    int64_t before = TIME_NONE, us;

    for (size_t i = 0; i < sizeof in_order / sizeof *in_order; i++) {
        CHECK(time_parse(str_of(in_order[i]), &us) && us > before);
        CHECK(i == 0 || strcmp(in_order[i - 1], in_order[i]) < 0);
        before = us;
    }
}

static void printing(void)
{
    char text[TIME_TEXT_MAX];

    CHECK(str_is(time_print(1766241094 * SECOND, text),
                 "2025-12-20T14:31:34+00:00"));
    CHECK(str_is(time_print(1766241094 * SECOND + 1000, text),
                 "2025-12-20T14:31:34.001000+00:00"));
    CHECK(str_is(time_print(-1, text), "1969-12-31T23:59:59.999999+00:00"));
    CHECK(str_is(time_print(-62135596800 * SECOND, text),
                 "0001-01-01T00:00:00+00:00"));
    CHECK(time_ms(1999) == 1 && time_ms(-1) == -1 && time_ms(-1000) == -1);
}

static bool shows(const char *utc, const char *zone, const char *formatted)
{
    struct time_display d;
    int64_t us;

    if (!time_parse(str_of(utc), &us))
        return false;
    time_local(us, zone, &d);
    if (strcmp(d.formatted, formatted) == 0)
        return true;
    tap_note("%s %s: %s", utc, zone, d.formatted);
    return false;
}

static void zones(void)
{
    struct time_display d;

    setenv("TZ", "Asia/Tokyo", 1);
    time_local(1766241094 * SECOND + 999999, "America/Chicago", &d);
    CHECK(!strcmp(d.local, "2025-12-20T08:31:34"));
    CHECK(!strcmp(d.formatted, "2025-12-20 08:31:34 AM"));
    CHECK(!strcmp(d.date, "2025-12-20"));
    CHECK(!strcmp(d.time, "08:31:34 AM"));
    CHECK(!strcmp(getenv("TZ"), "Asia/Tokyo"));
    CHECK(shows("2025-12-20T00:00", "Asia/Tokyo", "2025-12-20 09:00:00 AM"));
    unsetenv("TZ");
    CHECK(shows("2025-03-09T09:59:59", "America/Los_Angeles",
                "2025-03-09 01:59:59 AM")); /* clocks go forward */
    CHECK(shows("2025-03-09T10:00", "America/Los_Angeles",
                "2025-03-09 03:00:00 AM"));
    CHECK(getenv("TZ") == NULL);
    CHECK(
        shows("2025-07-01T16:00", "America/Denver", "2025-07-01 10:00:00 AM"));
    CHECK(shows("2025-07-01T16:00", "America/New_York",
                "2025-07-01 12:00:00 PM"));
    CHECK(shows("2025-07-01T04:00", "America/New_York",
                "2025-07-01 12:00:00 AM"));
    CHECK(shows("2060-07-01T04:00", "America/New_York",
                "2060-07-01 12:00:00 AM"));
    CHECK(shows("1969-12-31T23:59:59.5", "America/New_York",
                "1969-12-31 06:59:59 PM"));
    CHECK(shows("0033-01-01T05:00", "Asia/Tokyo", "0033-01-01 02:18:59 PM"));
}

static void known(void)
{
    CHECK(time_zone_known("America/Chicago") && time_zone_known("UTC"));
    CHECK(!time_zone_known("America/Nowhere") && !time_zone_known("America"));
    CHECK(!time_zone_known("") && !time_zone_known("../../../etc/localtime"));
    CHECK(!time_zone_known("/etc/localtime") && !time_zone_known("tzdata.zi"));
    setenv("TZDIR", "/nowhere", 1);
    CHECK(!time_zone_known("America/Chicago"));
    unsetenv("TZDIR");
}

static void zip(void)
{
    static const char *const of[10] = {
        "America/New_York",   "America/New_York", "America/New_York",
        "America/New_York",   "America/Chicago",  "America/Chicago",
        "America/Chicago",    "America/Chicago",  "America/Denver",
        "America/Los_Angeles"};
    bool all = true;

    for (char digit = '0'; digit <= '9'; digit++) {
        char code[] = {digit, '0', '0', '0', '1', '\0'};

        all = all && !strcmp(time_zone_of_zip(str_of(code)), of[digit - '0']);
    }
    CHECK(all);
    CHECK(!strcmp(time_zone_of_zip(STR_NONE), "America/New_York"));
    CHECK(!strcmp(time_zone_of_zip(STR_LIT("K1A")), "America/New_York"));
}

int main(void)
{
    accepted();
    wrong();
    members();
    calendar();
    printing();
    sorting();
    zones();
    known();
    zip();
    return tap_end();
}

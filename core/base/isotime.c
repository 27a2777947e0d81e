#include "base/isotime.h"

#include "base/beside.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000)
#define DAY_SECONDS INT64_C(86400)
#define TIME_MIN (INT64_C(-62135596800) * SECOND) /* 0001-01-01T00:00:00 */
#define TIME_END (INT64_C(253402300800) * SECOND) /* 10000-01-01T00:00:00 */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* ---- parsing: each take_* moves the view on only when it matches ---- */

static bool next_is(const struct str *s, const char *any_of)
{
    return s->n && s->p[0] && strchr(any_of, s->p[0]);
}

static bool take_char(struct str *s, const char *any_of)
{
    if (!next_is(s, any_of))
        return false;
    s->p++;
    s->n--;
    return true;
}

static bool take_digits(struct str *s, size_t count, int *out)
{
    int v = 0;

    if (s->n < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        v = v * 10 + (s->p[i] - '0');
    }
    s->p += count;
    s->n -= count;
    *out = v;
    return true;
}

static bool leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool take_date(struct str *s, int64_t *seconds)
{
    static const int before[] = {0,   31,  59,  90,  120, 151, 181,
                                 212, 243, 273, 304, 334, 365};
    int y, m, d, len;
    int64_t days;

    if (!take_digits(s, 4, &y) || !take_char(s, "-") ||
        !take_digits(s, 2, &m) || !take_char(s, "-") || !take_digits(s, 2, &d))
        return false;
    if (y < 1 || m < 1 || m > 12)
        return false;
    len = before[m] - before[m - 1] + (m == 2 && leap(y));
    if (d < 1 || d > len)
        return false;
    days = (y - 1) * INT64_C(365) + (y - 1) / 4 - (y - 1) / 100 +
           (y - 1) / 400 + before[m - 1] + (m > 2 && leap(y)) + d - 1;
    *seconds = days * DAY_SECONDS + TIME_MIN / SECOND;
    return true;
}

static bool take_hours_minutes(struct str *s, int64_t *seconds)
{
    int h, m;

    if (!take_digits(s, 2, &h) || !take_char(s, ":") ||
        !take_digits(s, 2, &m) || h > 23 || m > 59)
        return false;
    *seconds = h * 3600 + m * 60;
    return true;
}

static bool take_fraction(struct str *s, int64_t *us)
{
    int digit, n = 0;

    *us = 0;
    for (int64_t unit = SECOND / 10; take_digits(s, 1, &digit); unit /= 10) {
        *us += digit * unit; /* from the seventh on, unit is 0 */
        n++;
    }
    return n >= 1 && n <= 9;
}

/* 60 is a leap second, or a sender that rounds: the next one. */
#define SECONDS_MAX 60

static bool take_clock(struct str *s, int64_t *us)
{
    int64_t minutes, fraction = 0;
    int seconds = 0;

    if (!take_hours_minutes(s, &minutes))
        return false;
    if (take_char(s, ":")) {
        if (!take_digits(s, 2, &seconds) || seconds > SECONDS_MAX)
            return false;
        if (take_char(s, ".") && !take_fraction(s, &fraction))
            return false;
    }
    *us = (minutes + seconds) * SECOND + fraction;
    return true;
}

/* Behind its sign: HH:MM, HHMM or HH. */
static bool take_offset(struct str *s, int64_t *seconds)
{
    int h, m = 0;

    if (!take_digits(s, 2, &h) || h > 23)
        return false;
    if ((take_char(s, ":") || s->n) && (!take_digits(s, 2, &m) || m > 59))
        return false;
    *seconds = h * 3600 + m * 60;
    return true;
}

/* The offset before it says all; the name of the zone may be anything. */
static void drop_zone_name(struct str *s)
{
    const char *open = s->n ? memchr(s->p, '[', s->n) : NULL;
    size_t n = open ? s->n - (size_t)(open - s->p) : 0;

    if (n > 2 && memchr(open, ']', n) == open + n - 1)
        s->n -= n;
}

static bool take_zone(struct str *s, int64_t *ahead_seconds)
{
    bool minus = next_is(s, "-");

    *ahead_seconds = 0;
    if (next_is(s, "Zz+-"))
        drop_zone_name(s);
    if (!take_char(s, "+-")) {
        take_char(s, "Zz");
        return true;
    }
    if (!take_offset(s, ahead_seconds))
        return false;
    if (minus)
        *ahead_seconds = -*ahead_seconds;
    return true;
}

/* Milliseconds of today's order: seconds or microseconds are not taken for
 * some other age. 12 or 13 digits are the years 1973 to 2286. */
#define MS_LEAST 1e11
#define MS_END 1e13

static bool take_ms(double ms, int64_t *us)
{
    double whole = floor(ms);

    if (!(ms >= MS_LEAST && ms < MS_END))
        return false;
    *us = (int64_t)whole * 1000 + (int64_t)((ms - whole) * 1000);
    return true;
}

static bool digits_alone(struct str s)
{
    if (s.n != 12 && s.n != 13)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return true;
}

bool time_parse(struct str s, int64_t *us)
{
    int64_t day, clock = 0, ahead, t;
    double ms;

    if (digits_alone(s))
        return str_to_double(s, &ms) && take_ms(ms, us);
    if (!take_date(&s, &day))
        return false;
    if (take_char(&s, "Tt ") && !take_clock(&s, &clock))
        return false;
    if (!take_zone(&s, &ahead) || s.n)
        return false;
    t = (day - ahead) * SECOND + clock;
    if (t < TIME_MIN || t >= TIME_END) /* a zone can lead out of the years */
        return false;
    *us = t;
    return true;
}

bool time_read(struct json v, struct arena *a, int64_t *us)
{
    double ms;

    if (v.type == JSON_STRING)
        return time_parse(json_string(v, a), us);
    return json_double(v, &ms) && take_ms(ms, us);
}

/* ---- printing ---- */

struct str time_print(int64_t us, char out[TIME_TEXT_MAX])
{
    time_t seconds = floor_div(us, SECOND);
    int fraction = (int)(us - seconds * SECOND), n;
    struct tm t;

    assert(us >= TIME_MIN && us < TIME_END);
    gmtime_r(&seconds, &t);
    n = snprintf(out, TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d",
                 t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min,
                 t.tm_sec);
    if (fraction)
        n += snprintf(out + n, TIME_TEXT_MAX - (size_t)n, ".%06d", fraction);
    n += snprintf(out + n, TIME_TEXT_MAX - (size_t)n, "+00:00");
    return (struct str){out, (size_t)n};
}

int64_t time_ms(int64_t us)
{
    return floor_div(us, 1000);
}

/* ---- zones ---- */

bool time_zone_known(const char *zone)
{
    const char *folder = getenv("TZDIR");
    char path[PATH_MAX], magic[4] = "";
    ssize_t got;
    int n, fd;

    n = snprintf(path, sizeof path, "%s/%s",
                 folder && folder[0] ? folder : "/usr/share/zoneinfo", zone);
    if (!zone[0] || zone[0] == '/' || strstr(zone, "..") || n < 0 ||
        (size_t)n >= sizeof path)
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    got = read(fd, magic, sizeof magic); /* a folder opens, but reads not */
    close(fd);
    return got == sizeof magic && memcmp(magic, "TZif", sizeof magic) == 0;
}

static void set_tz(const char *zone)
{
    int rc = zone ? setenv("TZ", zone, 1) : unsetenv("TZ");

    assert(rc == 0);
    tzset();
}

static struct tm local_tm(int64_t us, const char *zone)
{
    time_t seconds = floor_div(us, SECOND);
    const char *tz = getenv("TZ");
    bool there = tz && strcmp(tz, zone) == 0;
    char *before = NULL;
    struct tm t, *done;

    if (tz && !there) {
        before = strdup(tz); /* setenv may free what getenv gave */
        assert(before && "out of memory");
    }
    if (!there)
        set_tz(zone);
    done = localtime_r(&seconds, &t);
    if (!there)
        set_tz(before);
    free(before);
    assert(done);
    return t;
}

void time_local(int64_t us, const char *zone, struct time_display *out)
{
    struct tm t;

    assert(beside_none()); /* it changes the environment */
    t = local_tm(us, zone);
    assert(us >= TIME_MIN && us < TIME_END);
    strftime(out->local, sizeof out->local, "%04Y-%m-%dT%H:%M:%S", &t);
    strftime(out->formatted, sizeof out->formatted, "%04Y-%m-%d %I:%M:%S %p",
             &t);
    strftime(out->date, sizeof out->date, "%04Y-%m-%d", &t);
    strftime(out->time, sizeof out->time, "%I:%M:%S %p", &t);
}

static const char *const zones[] = {"America/New_York", "America/Chicago",
                                    "America/Denver", "America/Los_Angeles"};
#define ZONES (sizeof zones / sizeof *zones)

const char *time_zone_of_zip(struct str zipcode)
{
    switch (zipcode.n ? zipcode.p[0] : '\0') {
    case '4':
    case '5':
    case '6':
    case '7':
        return zones[1];
    case '8':
        return zones[2];
    case '9':
        return zones[3];
    default:
        return zones[0];
    }
}

enum status time_zone_check(const char *zone, struct err *err)
{
    if (time_zone_known(zone))
        return ST_OK;
    return err_set(err, ST_UNAVAILABLE, "no_zone_data",
                   "the time zone %s is not installed: install tzdata", zone);
}

enum status time_zones_check(struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < ZONES; i++)
        st = time_zone_check(zones[i], err);
    if (st != ST_OK)
        return st;
    /*
     * From here on TZ is there and is replaced in its place. Adding it would
     * move the whole environment, under the feet of a resolver's thread that
     * looks something up in it (libcurl may leave one behind).
     */
    if (setenv("TZ", "UTC", 0) != 0)
        return err_set(err, ST_UNAVAILABLE, NULL, "setenv: %m");
    return ST_OK;
}

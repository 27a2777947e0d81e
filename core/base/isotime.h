/*
 * isotime.h - points in time as text.
 *
 * A time is an int64_t of microseconds since 1970-01-01 UTC (years 1 to 9999),
 * or TIME_NONE.
 */
#ifndef DG_BASE_ISOTIME_H
#define DG_BASE_ISOTIME_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

#define TIME_NONE INT64_MIN

bool time_parse(struct str s, int64_t *us);
/*
    `YYYY-MM-DD`, then optionally `T` or a blank and `HH:MM[:SS[.f]]` with 1 to
    9 digits of fraction (cut to microseconds), then optionally `Z` or +-HH:MM;
    none means UTC; a date alone is its midnight. Also a small t or z, +-HHMM,
    +-HH, a second of 60 (the next one), a `[zone]` behind Z or offset (passed
    over), and 12 or 13 digits of milliseconds since 1970. Checks the calendar.
    Source: doc/wire.md, "Times".
 */

bool time_read(struct json v, struct arena *a, int64_t *us);
/*
    The time that a member says: a string by time_parse, or a number of
    milliseconds since 1970 that has 12 or 13 digits before its point.
 */

#define TIME_TEXT_MAX 40
struct str time_print(int64_t us, char out[TIME_TEXT_MAX]);
/*
    `2025-12-20T14:31:34+00:00`, with six digits of fraction if it is not zero.
 */

int64_t time_ms(int64_t us);
/*
    Milliseconds since 1970, truncated toward minus infinity: the number in an
    object's key.
 */

struct time_display {
    char local[24];     /* 2025-12-20T08:31:34    */
    char formatted[28]; /* 2025-12-20 08:31:34 AM */
    char date[12];      /* 2025-12-20             */
    char time[16];      /* 08:31:34 AM            */
};

bool time_zone_known(const char *zone);
/*
    Whether the zone is installed: glibc silently takes UTC for one that is
    not, so the programs check the zones they use at start.
 */
void time_local(int64_t us, const char *zone, struct time_display *out);
/*
    The time in an IANA zone ("America/Chicago"), time_zone_known. Not thread
    safe: TZ is set for the moment of the call, and then as it was before.
 */

enum status time_zone_check(const char *zone, struct err *err) MUST_CHECK;
/*
    ST_UNAVAILABLE (no_zone_data) when it is not known, and what to install.
 */
enum status time_zones_check(struct err *err) MUST_CHECK;
/*
    The same for all zones of time_zone_of_zip. Without them local times would
    be stored as UTC, for good. Once a program, before its threads and children.
 */

const char *time_zone_of_zip(struct str zipcode);
/*
    By the zipcode's first digit: 0-3 America/New_York, 4-7 America/Chicago,
    8 America/Denver, 9 America/Los_Angeles, else America/New_York. Source:
    doc/wire.md, "GET /analyze-driver".
 */

#endif

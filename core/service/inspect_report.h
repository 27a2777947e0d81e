/* inspect_report.h - what inspect has found, item by item. */
#ifndef DG_SERVICE_INSPECT_REPORT_H
#define DG_SERVICE_INSPECT_REPORT_H

#include "base/shown.h"
#include "store/keys.h"
#include "store/survey.h"

#define INSPECT_EXAMPLES 5
#define INSPECT_LARGEST 5

enum inspect_ids {
    IDS_USERS,   /* user_id of the users */
    IDS_TRIPS,   /* trip_id of the trips */
    IDS_DRIVERS, /* user_id of the trips */
    IDS_PLACES
};

enum inspect_count {
#define COUNT(name, words) COUNT_##name,
#include "service/inspect.def"
#undef COUNT
    INSPECT_COUNTS
};

/* Without pointers: it is kept in a file as it is (inspect.c). */
struct inspect_report {
    struct inspect_table {
        int64_t items, bytes;
        int64_t units; /* to read each of them alone, strongly consistent */
        struct {
            int64_t bytes;
            struct shown id;
        } largest[INSPECT_LARGEST]; /* bytes 0: there are no more */
        int64_t times[SURVEY_TIMES_MAX][TIME_FORMS];
    } table[SURVEY_TABLES];
    struct inspect_ids_found {
        int64_t n;
        struct shown example[INSPECT_EXAMPLES]; /* empty: no more */
    } ids[IDS_PLACES][ID_FAULTS];
    int64_t count[INSPECT_COUNTS];
};

void report_take(struct inspect_report *r, enum survey_table table,
                 const struct survey_item *i);
/*
    All that one item says by itself.
 */

struct inspect_backfill {
    int64_t units, requests;
};
struct inspect_backfill report_backfill(const struct inspect_report *r);
/*
    What it costs to score every trip once: the trips' table read as a whole,
    each trip's batches by key, each user by key; all strongly consistent.
 */

const char *inspect_count_words(enum inspect_count i);
const char *inspect_count_name(enum inspect_count i);
const char *inspect_ids_words(enum inspect_ids i);
/*
    Static.
 */

#endif

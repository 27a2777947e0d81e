/*
 * survey.h - everything in the records' tables, as it lies there.
 *
 * For who looks before a migration: unlike records.h it takes whatever others
 * wrote, ids that are refused here and times that are none. It only reads, and
 * what was written a moment ago need not be seen (which halves the price).
 */
#ifndef DG_STORE_SURVEY_H
#define DG_STORE_SURVEY_H

#include "store/records.h"
#include "store/trip_walk.h"

enum survey_table {
    SURVEY_USERS,
    SURVEY_TRIPS,
    SURVEY_BATCHES,
    SURVEY_SUMMARIES,
    SURVEY_TABLES
};

enum survey_index {
    INDEX_NONE, /* this table needs none */
    INDEX_MISSING,
    INDEX_MAKING, /* it cannot be read yet */
    INDEX_THERE
};

struct survey_state {
    bool there;
    const char *name;   /* of the table */
    int64_t items;      /* about: DynamoDB counts every six hours */
    int64_t read_units; /* a second, provisioned; 0: paid by request */
    enum survey_index index;
    const char *index_name;
    struct str index_like; /* another one that would do; empty: none */
};

enum status survey_look(struct records *r, enum survey_table table,
                        struct deadline d, struct arena *a,
                        struct survey_state *out, struct err *err) MUST_CHECK;
/*
    A table that is not there has there = false, and that is ST_OK.
 */

enum time_form {
    FORM_ABSENT,
    FORM_ZONED,
    FORM_BARE, /* without a zone: it means UTC */
    FORM_NO_TIME,
    TIME_FORMS
};

#define SURVEY_TIMES_MAX 5
const char *survey_time_name(enum survey_table table, int i);
/*
    The name of its time i, static; NULL: it has no more.
 */

struct survey_item {
    struct str key; /* of the table: user_id, trip_id or batch_id */
    struct str user_id, email, status;
    int64_t size;             /* bytes, as DynamoDB counts them */
    int64_t batches;          /* a trip's total_batches */
    bool ours;                /* a trip that has a revision */
    int64_t start_us, end_us; /* TIME_NONE */
    enum time_form time[SURVEY_TIMES_MAX];
};
typedef enum status (*survey_each)(void *ctx, const struct survey_item *i);

enum status survey_walk(struct records *r, enum survey_table table,
                        struct trip_walk *w, struct deadline d,
                        survey_each each, void *ctx,
                        struct err *err) MUST_CHECK;
/*
    As records_walk, over the items of that table. When the store fails, the
    callback was called for none of these pages.
 */

#endif

/*
 * records_sqlite_survey.c - the rows of the SQLite file, as a survey has them.
 *
 * There is one segment: a position is the key of the last row. Times are
 * instants here, and the file has the indexes that it needs.
 */
#include "store/records_sqlite.h"

#include <assert.h>

#define PAGE 500

/* The first columns, in this order; behind them the table's times. */
enum { C_KEY, C_USER_ID, C_EMAIL, C_STATUS, C_BATCHES, C_OURS, C_SIZE, C_TIME };

static const enum query pages[SURVEY_TABLES] = {[SURVEY_USERS] = Q_SURVEY_USERS,
                                                [SURVEY_TRIPS] = Q_SURVEY_TRIPS,
                                                [SURVEY_BATCHES] =
                                                    Q_SURVEY_BATCHES};
static const enum query counts[SURVEY_TABLES] = {[SURVEY_USERS] = Q_USER_COUNT,
                                                 [SURVEY_TRIPS] = Q_TRIP_COUNT,
                                                 [SURVEY_BATCHES] =
                                                     Q_BATCH_COUNT};
static const char *const names[SURVEY_TABLES] = {"users", "trips", "batches",
                                                 "summaries"};

enum status sqlite_survey_look(struct records *r, enum survey_table table,
                               struct deadline d, struct arena *a,
                               struct survey_state *out, struct err *err)
{
    struct sql_query q;
    bool row = false;
    enum status st;

    (void)a;
    out->name = names[table];
    if (table == SURVEY_SUMMARIES) /* only others have such */
        return ST_OK;
    st = sql_query(sql_of(r), counts[table], d, &q, err);
    if (st == ST_OK)
        st = sql_step(&q, &row, err);
    if (row)
        out->items = sql_int(&q, 0);
    out->there = st == ST_OK;
    sql_done(&q);
    return st;
}

static void survey_read(const struct sql_query *q, enum survey_table table,
                        struct arena *a, struct survey_item *out)
{
    *out = (struct survey_item){.key = sql_str(q, C_KEY, a),
                                .user_id = sql_str(q, C_USER_ID, a),
                                .email = sql_str(q, C_EMAIL, a),
                                .status = sql_str(q, C_STATUS, a),
                                .batches = sql_int(q, C_BATCHES),
                                .ours = sql_int(q, C_OURS) != 0,
                                .size = sql_int(q, C_SIZE),
                                .start_us = TIME_NONE,
                                .end_us = TIME_NONE};
    if (table == SURVEY_TRIPS) {
        out->start_us = sql_time(q, C_TIME);
        out->end_us = sql_time(q, C_TIME + 1);
    }
    for (int i = 0; survey_time_name(table, i); i++)
        out->time[i] = sql_is_null(q, C_TIME + i) ? FORM_ABSENT : FORM_ZONED;
}

struct survey_page {
    struct survey_item item[PAGE];
    size_t n;
};

static enum status survey_read_page(struct sql *sql, enum survey_table table,
                                    struct str after, struct deadline d,
                                    struct arena *a, struct survey_page *out,
                                    struct err *err)
{
    struct sql_query q;
    bool row = true;
    enum status st = sql_query(sql, pages[table], d, &q, err);

    out->n = 0;
    if (st == ST_OK) {
        sql_bind_key(&q, after);
        sql_bind_int(&q, PAGE);
    }
    while (st == ST_OK && row) {
        st = sql_step(&q, &row, err);
        if (st == ST_OK && row)
            survey_read(&q, table, a, &out->item[out->n++]);
    }
    sql_done(&q);
    return st;
}

enum status sqlite_survey_walk(struct records *r, enum survey_table table,
                               struct trip_walk *w, struct deadline d,
                               survey_each each, void *ctx, struct err *err)
{
    struct arena *a = arena_new(256 * 1024);
    struct survey_page *page = arena_alloc(a, sizeof *page);
    enum status st;

    assert(table != SURVEY_SUMMARIES); /* survey_look said so */
    for (int i = 1; i < trip_walk_segments(w); i++)
        if (!trip_walk_ended(w, i))
            trip_walk_end(w, i);
    st = survey_read_page(sql_of(r), table, trip_walk_position(w, 0), d, a,
                          page, err);
    for (size_t i = 0; st == ST_OK && i < page->n; i++)
        st = each(ctx, &page->item[i]);
    if (st == ST_OK) {
        trip_walk_count(w, (int64_t)page->n);
        if (page->n < PAGE)
            trip_walk_end(w, 0);
        else
            trip_walk_move(w, 0, page->item[PAGE - 1].key);
    }
    arena_free(&a);
    return st;
}

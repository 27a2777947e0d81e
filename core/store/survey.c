#include "store/survey.h"

#include <assert.h>
#include "store/failure.h"
#include "store/records_impl.h"

const char *survey_time_name(enum survey_table table, int i)
{
    static const char *const names[SURVEY_TABLES][SURVEY_TIMES_MAX] = {
        [SURVEY_TRIPS] = {"start_timestamp", "end_timestamp", "created_at",
                          "last_updated", "finalized_at"},
        [SURVEY_BATCHES] = {"first_point_timestamp", "last_point_timestamp",
                            "upload_timestamp"},
        [SURVEY_SUMMARIES] = {"start_timestamp", "end_timestamp",
                              "analysis_cached_at"}};

    assert(i >= 0);
    return i < SURVEY_TIMES_MAX ? names[table][i] : NULL;
}

enum status survey_look(struct records *r, enum survey_table table,
                        struct deadline d, struct arena *a,
                        struct survey_state *out, struct err *err)
{
    *out = (struct survey_state){.there = false};
    return store_counted(r->ops->survey_look(r, table, d, a, out, err));
}

enum status survey_walk(struct records *r, enum survey_table table,
                        struct trip_walk *w, struct deadline d,
                        survey_each each, void *ctx, struct err *err)
{
    return store_counted(r->ops->survey_walk(r, table, w, d, each, ctx, err));
}

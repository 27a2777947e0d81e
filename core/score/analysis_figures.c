#include "score/analysis_json.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

#include "score/analysis_fields.h"
#include "score/figure.h"

/* More than any trip has; sums over all trips of a driver stay whole. */
#define COUNT_MAX 1000000000

/* The record's one, too: one more is still a number of its own as a double. */
#define REVISION_MAX ((INT64_C(1) << 53) - 1)

enum figure_kind { TIME, REAL, COUNT, FLAG, CONTEXT, NAME };

/* Of another writer's names that are longer nothing is known. */
#define NAME_MAX_BYTES 16

#define FIGURE(column, field, kind, member)                                    \
    static_assert(FIELD_##field < FIELD_COUNT, "a member of an analysis");
#include "score/figures.def"
#undef FIGURE

static const struct figure {
    const char *field;
    enum figure_kind kind;
    size_t at;
} figures[] = {
#define FIGURE(column, field, kind, member)                                    \
    {#field, kind, offsetof(struct trip_figures, member)},
#include "score/figures.def"
#undef FIGURE
};
#define FIGURES (sizeof figures / sizeof *figures)

static bool sound(const struct figure *f, const struct trip_figures *t)
{
    const void *at = (const char *)t + f->at;

    switch (f->kind) {
    case REAL:
        return fabs(*(const double *)at) <= FIGURE_MAX;
    case COUNT:
        return *(const int64_t *)at >= 0 && *(const int64_t *)at <= COUNT_MAX;
    case TIME:
    case FLAG:
    case CONTEXT:
    case NAME:
        return true;
    }
    return false;
}

bool analysis_figures_sound(const struct trip_figures *t)
{
    for (size_t i = 0; i < FIGURES; i++)
        if (!sound(&figures[i], t))
            return false;
    return true;
}

static bool read_time(struct json v, struct arena *a, int64_t *us)
{
    /* Another writer's text that is no time orders nothing, and that is all. */
    if (v.type == JSON_STRING && !time_parse(json_string(v, a), us))
        *us = TIME_NONE;
    return v.type == JSON_STRING;
}

static bool read_context(struct json v, struct arena *a, struct str *context)
{
    struct json word = json_member(v, "context");

    if (v.type == JSON_OBJECT &&
        (word.type == JSON_NONE || word.type == JSON_NULL))
        return true;
    *context = json_string(word, a);
    return word.type == JSON_STRING;
}

/* One of another form says nothing, as one that is missing: analyses that have
 * been readable so far must stay so. */
static bool read_name(struct json v, struct arena *a, struct str *name)
{
    struct str text = json_string(v, a);

    *name = text.n <= NAME_MAX_BYTES ? text : STR_NONE;
    return true;
}

static bool read_figure(const struct figure *f, struct json v, struct arena *a,
                        struct trip_figures *out)
{
    void *into = (char *)out + f->at;

    if (v.type == JSON_NULL)
        return true;
    switch (f->kind) {
    case TIME:
        return read_time(v, a, into);
    case REAL:
        return json_double(v, into) && sound(f, out);
    case COUNT:
        return json_int(v, into) && sound(f, out);
    case FLAG:
        *(bool *)into = v.type == JSON_TRUE;
        return v.type == JSON_TRUE || v.type == JSON_FALSE;
    case CONTEXT:
        return read_context(v, a, into);
    case NAME:
        return read_name(v, a, into);
    }
    return false;
}

void figures_keep(struct trip_figures *f, struct arena *a)
{
    for (size_t i = 0; i < FIGURES; i++) {
        struct str *text = (struct str *)((char *)f + figures[i].at);

        if (figures[i].kind == CONTEXT || figures[i].kind == NAME)
            *text = arena_copy(a, *text);
    }
}

struct reading {
    struct trip_figures *out;
    struct analysis_names *named;
    int64_t *revision;
};

/* One pass for all: an analysis has some sixty members, mostly long lists. */
static bool read_one(struct json key, struct json v, struct arena *a,
                     const struct reading *r)
{
    size_t i;

    if (json_key_is(key, "trip_id")) {
        r->named->trip_id = json_string(v, a);
        return v.type == JSON_STRING;
    }
    if (json_key_is(key, "user_id")) {
        r->named->user_id = json_string(v, a); /* no text names nobody */
        return true;
    }
    if (json_key_is(key, "revision"))
        return v.type == JSON_NULL ||
               (json_int(v, r->revision) && *r->revision >= 0 &&
                *r->revision <= REVISION_MAX);
    for (i = 0; i < FIGURES; i++)
        if (json_key_is(key, figures[i].field))
            return read_figure(&figures[i], v, a, r->out);
    return true;
}

enum status analysis_figures(struct json analysis, struct arena *a,
                             struct trip_figures *out,
                             struct analysis_names *named, int64_t *revision,
                             struct err *err)
{
    struct reading r = {out, named, revision};
    struct json_iter it = json_iter(analysis);
    struct json key, value;

    *out = (struct trip_figures){
        .start_us = TIME_NONE,
        .end_us = TIME_NONE,
        .context = str_of(context_name(CONTEXT_MIXED)),
    };
    *named = (struct analysis_names){STR_NONE, STR_NONE};
    *revision = 0;
    if (analysis.type != JSON_OBJECT)
        return err_set(err, ST_CORRUPT, NULL, "analysis is no object");
    while (json_next(&it, &key, &value))
        if (!read_one(key, value, a, &r))
            return err_set(err, ST_CORRUPT, NULL,
                           "analysis has a wrong value for %.*s",
                           STR_ARG(key.raw));
    if (!named->trip_id.p)
        return err_set(err, ST_CORRUPT, NULL, "analysis without trip_id");
    return ST_OK;
}

/* inspect.c - driveguardctl inspect: what is in the tables, for people or as
 * JSON. It only reads. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "base/isotime.h"
#include "base/json.h"
#include "ctl/ctl.h"
#include "ctl/progress.h"
#include "service/inspect.h"

#define SEGMENTS 4
#define JSON_MAX (1024 * 1024)

static const char *const form_words[TIME_FORMS] = {[FORM_ABSENT] = "absent",
                                                   [FORM_ZONED] = "with_zone",
                                                   [FORM_BARE] = "without_zone",
                                                   [FORM_NO_TIME] = "no_time"};

static const char *const index_words[] = {[INDEX_NONE] = "none",
                                          [INDEX_MISSING] = "missing",
                                          [INDEX_MAKING] = "being created",
                                          [INDEX_THERE] = "there"};

/* ---- for people ---- */

static void print_tables(const struct inspection *in)
{
    char began[TIME_TEXT_MAX], ended[TIME_TEXT_MAX];

    (void)time_print(in->began_us, began);
    (void)time_print(in->ended_us, ended);
    printf("Read from %s to %s%s.\n\n", began, ended,
           in->resumed ? ", with an interruption" : "");
    printf("%-32s %12s %15s\n", "table", "items", "bytes");
    for (int i = 0; i < SURVEY_TABLES; i++) {
        const struct inspect_table *t = &in->report.table[i];

        printf("%-32s %12lld %15lld%s\n", in->state[i].name,
               (long long)t->items, (long long)t->bytes,
               in->state[i].there ? "" : "  (there is no such table)");
    }
}

static void print_indexes(const struct inspection *in)
{
    bool any = false;

    for (int i = 0; i < SURVEY_TABLES; i++) {
        const struct survey_state *s = &in->state[i];

        if (s->index == INDEX_NONE)
            continue;
        printf("%s  %s, %s: %s\n", any ? "" : "\nIndexes\n", s->name,
               s->index_name[0] ? s->index_name : "(no name is set)",
               index_words[s->index]);
        if (s->index == INDEX_MISSING && s->index_like.n)
            printf("    %.*s is by the same attribute: the settings may name "
                   "that one\n",
                   STR_ARG(s->index_like));
        else if (s->index == INDEX_MISSING)
            printf("    driveguardctl tables init --add-indexes adds it\n");
        any = true;
    }
}

static void print_found(const struct inspect_ids_found *found)
{
    for (int i = 0; i < INSPECT_EXAMPLES && found->example[i].z[0]; i++)
        printf("%s %s", i ? "," : " ", found->example[i].z);
    putchar('\n');
}

static void print_ids(const struct inspection *in)
{
    bool any = false;

    printf("\nIds that this service refuses\n");
    for (int p = 0; p < IDS_PLACES; p++)
        for (int f = ID_FINE + 1; f < ID_FAULTS; f++) {
            const struct inspect_ids_found *found = &in->report.ids[p][f];

            if (found->n == 0)
                continue;
            any = true;
            printf("  %10lld  %s: %s ", (long long)found->n,
                   inspect_ids_words(p), id_fault_name(f));
            print_found(found);
        }
    if (!any)
        printf("  %10d\n", 0);
}

static void print_counts(const struct inspection *in)
{
    printf("\nUsers and trips\n");
    for (int i = 0; i < INSPECT_COUNTS; i++)
        if (i != COUNT_batch_requests)
            printf("  %10lld  %s\n", (long long)in->report.count[i],
                   inspect_count_words(i));
}

static void print_times(const struct inspection *in)
{
    const char *name;

    printf("\n%-48s %10s %12s %8s %8s\n", "Times", "with zone", "without one",
           "no time", "absent");
    for (int t = 0; t < SURVEY_TABLES; t++)
        for (int i = 0; (name = survey_time_name(t, i)); i++) {
            const int64_t *n = in->report.table[t].times[i];
            char what[64];

            if (!in->state[t].there)
                continue;
            snprintf(what, sizeof what, "%.36s %s", in->state[t].name, name);
            printf("  %-46s %10lld %12lld %8lld %8lld\n", what,
                   (long long)n[FORM_ZONED], (long long)n[FORM_BARE],
                   (long long)n[FORM_NO_TIME], (long long)n[FORM_ABSENT]);
        }
}

static void print_largest(const struct inspection *in)
{
    printf("\nThe largest items, in bytes\n");
    for (int t = 0; t < SURVEY_TABLES; t++)
        for (int i = 0; i < INSPECT_LARGEST; i++) {
            const struct inspect_table *table = &in->report.table[t];

            if (table->largest[i].bytes)
                printf("  %-32s %8lld  %s\n", in->state[t].name,
                       (long long)table->largest[i].bytes,
                       table->largest[i].id.z);
        }
}

/* The batches are by far the most of it. */
static void print_backfill(const struct inspection *in)
{
    struct inspect_backfill b = report_backfill(&in->report);
    int64_t units = in->state[SURVEY_BATCHES].read_units;

    printf("\nTo score all trips once: %lld read units in %lld requests",
           (long long)b.units, (long long)b.requests);
    if (units > 0)
        printf(",\n  %lld minutes at least with the %lld units a second of %s",
               (long long)((in->report.table[SURVEY_BATCHES].units +
                            60 * units - 1) /
                           (60 * units)),
               (long long)units, in->state[SURVEY_BATCHES].name);
    printf(".\n");
}

static void print_inspection(const struct inspection *in, bool units)
{
    print_tables(in);
    print_indexes(in);
    print_counts(in);
    print_ids(in);
    print_times(in);
    print_largest(in);
    if (units)
        print_backfill(in);
}

/* ---- as JSON ---- */

static void put_times(struct json_out *o, const struct inspect_table *t,
                      enum survey_table table)
{
    const char *name;

    json_begin_object(o, "times");
    for (int i = 0; (name = survey_time_name(table, i)); i++) {
        json_begin_object(o, name);
        for (int f = 0; f < TIME_FORMS; f++)
            json_put_int(o, form_words[f], t->times[i][f]);
        json_end_object(o);
    }
    json_end_object(o);
}

static void put_table(struct json_out *o, const struct inspect_table *t,
                      const struct survey_state *s, enum survey_table table)
{
    json_begin_object(o, NULL);
    json_put_z(o, "name", s->name);
    json_put_bool(o, "there", s->there);
    json_put_int(o, "items", t->items);
    json_put_int(o, "bytes", t->bytes);
    json_put_int(o, "provisioned_read_units", s->read_units);
    if (s->index != INDEX_NONE) {
        json_begin_object(o, "index");
        json_put_z(o, "name", s->index_name);
        json_put_z(o, "state", index_words[s->index]);
        if (s->index_like.n)
            json_put_str(o, "like_it", s->index_like);
        json_end_object(o);
    }
    put_times(o, t, table);
    json_begin_array(o, "largest");
    for (int i = 0; i < INSPECT_LARGEST && t->largest[i].bytes; i++) {
        json_begin_object(o, NULL);
        json_put_z(o, "id", t->largest[i].id.z);
        json_put_int(o, "bytes", t->largest[i].bytes);
        json_end_object(o);
    }
    json_end_array(o);
    json_end_object(o);
}

static void put_ids(struct json_out *o, const struct inspect_report *r)
{
    json_begin_array(o, "refused_ids");
    for (int p = 0; p < IDS_PLACES; p++)
        for (int f = ID_FINE + 1; f < ID_FAULTS; f++) {
            const struct inspect_ids_found *found = &r->ids[p][f];

            if (found->n == 0)
                continue;
            json_begin_object(o, NULL);
            json_put_z(o, "of", inspect_ids_words(p));
            json_put_z(o, "kind", id_fault_name(f));
            json_put_int(o, "count", found->n);
            json_begin_array(o, "examples");
            for (int i = 0; i < INSPECT_EXAMPLES && found->example[i].z[0]; i++)
                json_put_z(o, NULL, found->example[i].z);
            json_end_array(o);
            json_end_object(o);
        }
    json_end_array(o);
}

static void put_inspection(struct json_out *o, const struct inspection *in)
{
    struct inspect_backfill b = report_backfill(&in->report);
    char text[TIME_TEXT_MAX];

    json_begin_object(o, NULL);
    json_put_str(o, "began", time_print(in->began_us, text));
    json_put_str(o, "ended", time_print(in->ended_us, text));
    json_put_bool(o, "interrupted", in->resumed);
    json_begin_array(o, "tables");
    for (int i = 0; i < SURVEY_TABLES; i++)
        put_table(o, &in->report.table[i], &in->state[i], i);
    json_end_array(o);
    put_ids(o, &in->report);
    json_begin_object(o, "counts");
    for (int i = 0; i < INSPECT_COUNTS; i++)
        json_put_int(o, inspect_count_name(i), in->report.count[i]);
    json_end_object(o);
    json_begin_object(o, "backfill");
    json_put_int(o, "read_units", b.units);
    json_put_int(o, "requests", b.requests);
    json_end_object(o);
    json_end_object(o);
}

static void print_json(const struct inspection *in)
{
    struct buf b;
    struct json_out o = {.b = &b};

    buf_init(&b, JSON_MAX);
    put_inspection(&o, in);
    assert(buf_ok(&b));
    printf("%.*s\n", STR_ARG(buf_str(&b)));
    buf_free(&b);
}

/* ---- the command ---- */

struct showing {
    struct progress progress;
    char what[64]; /* the table that is shown */
};

static void show(void *ctx, const char *table, int64_t done, int64_t total)
{
    struct showing *s = ctx;

    if (strcmp(s->what, table) != 0) {
        progress_end(&s->progress);
        snprintf(s->what, sizeof s->what, "%s", table);
        s->progress = progress_begin(s->what, total, done);
    }
    progress_show(&s->progress, done);
}

static bool read_number(const char *text, int64_t most, int64_t *out)
{
    return str_to_i64(str_of(text), out) && *out >= 1 && *out <= most;
}

static bool read_options(int argc, char **argv, struct inspect_options *o,
                         bool *json)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        int64_t n;

        if (strcmp(argv[i], "--json") == 0)
            *json = true;
        else if (strcmp(argv[i], "--again") == 0)
            o->anew = true;
        else if (strcmp(argv[i], "--segments") == 0 &&
                 read_number(value, WALK_SEGMENTS_MAX, &n))
            o->segments = (int)n, i++;
        else if (strcmp(argv[i], "--units") == 0 &&
                 read_number(value, 1000000, &n))
            o->units = n, i++;
        else
            return false;
    }
    return true;
}

int ctl_inspect(const struct ctl *ctl, int argc, char **argv)
{
    struct showing showing = {.what = ""};
    struct inspect_options o = {
        .segments = SEGMENTS, .progress = show, .ctx = &showing};
    static struct inspection in; /* it is large */
    struct err err = ERR_NONE;
    struct call c = {.err = &err, .request_id = STR_LIT("inspect")};
    bool json = false;
    enum status st;

    if (!read_options(argc, argv, &o, &json))
        return CTL_USAGE;
    if (stores_open(ctl->conf, &c.stores, &err) != ST_OK)
        return ctl_complain(&err);
    c.arena = arena_new(0);
    st = inspect(&c, &o, &in);
    progress_end(&showing.progress);
    if (st == ST_OK && json)
        print_json(&in);
    else if (st == ST_OK)
        print_inspection(&in, strcmp(ctl->conf->records_url, "dynamodb:") == 0);
    arena_free(&c.arena);
    stores_close(&c.stores);
    if (st == ST_UNAVAILABLE || st == ST_TIMEOUT)
        (void)err_add(&err, "run it again, and it goes on where it was");
    if (st != ST_OK)
        return ctl_complain(&err);
    return fflush(stdout) == 0 ? CTL_DONE : CTL_FAILED;
}

/*
 * The contract of records_walk, against a store of either kind, and a walk's
 * position as text:
 *
 *   t/unit/records_walk         an SQLite file of its own
 *   t/unit/records_walk URL     that store, as in t/unit/records
 */
#include "t/unit/records.h"

#define TRIPS 520
#define QUALITY 8000 /* so that DynamoDB needs several pages, too */
#define SEGMENTS 2

struct passed {
    int times[TRIPS];
    int wrong, calls;
    int fail_at; /* the callback fails at this call; 0: never */
};

static struct str trip_name(int i)
{
    return arena_printf(arena, "walk%s.%d", run, i);
}

/* What trip i is: the four kinds that a walk has to tell apart. */
static enum analysis_status kind_of(int i)
{
    return (enum analysis_status)(i % 4);
}

static void make_trip(int i, struct str quality)
{
    struct trip_claim c = {.trip_id = trip_name(i),
                           .user_id = id(i % 2 ? "odd" : "even"),
                           .create = true,
                           .start_us = NOW,
                           .end_us = NOW + i * MINUTE,
                           .now_us = NOW,
                           .trip_quality = quality};
    enum analysis_status as = kind_of(i);
    struct trip t;

    if (as == ANALYSIS_NONE) {
        struct batch b = batch_of(c.trip_id, c.user_id, 1, "[1]");

        if (upload(&b, NOW) != ST_OK)
            abort();
        return;
    }
    if (records_trip_claim(store, &c, soon(), arena, &t, &err) != ST_OK ||
        (as != ANALYSIS_PENDING &&
         records_trip_stored(store, c.trip_id, 1, as, STR_LIT("k"), soon(),
                             &err) != ST_OK))
        abort();
}

static void make_trips(void)
{
    char *text = arena_alloc(arena, QUALITY);
    int n = snprintf(text, QUALITY, "{\"x\":\"");

    memset(text + n, 'x', (size_t)(QUALITY - n - 2));
    memcpy(text + QUALITY - 2, "\"}", 2);
    for (int i = 0; i < TRIPS; i++)
        make_trip(i, (struct str){text, QUALITY});
}

static bool is_trip(const struct trip_seen *t, int i)
{
    bool active = kind_of(i) == ANALYSIS_NONE;

    return t->readable && str_eq(t->user_id, id(i % 2 ? "odd" : "even")) &&
           t->analysis_status == kind_of(i) &&
           t->status == (active ? TRIP_ACTIVE : TRIP_COMPLETED) &&
           t->revision == !active && t->updated_us == NOW &&
           t->end_us == (active ? NOW + 2 * MINUTE : NOW + i * MINUTE);
}

static enum status pass(void *ctx, const struct trip_seen *t)
{
    struct str ours = arena_printf(arena, "walk%s.", run);
    struct passed *p = ctx;
    int64_t i;

    if (++p->calls == p->fail_at)
        return ST_GONE_CLIENT;
    if (!str_starts(t->trip_id, ours))
        return ST_OK;
    if (!str_to_i64((struct str){t->trip_id.p + ours.n, t->trip_id.n - ours.n},
                    &i) ||
        i < 0 || i >= TRIPS || !is_trip(t, (int)i))
        p->wrong++;
    else
        p->times[i]++;
    return ST_OK;
}

static int passed_times(const struct passed *p, int at_least, int at_most)
{
    int n = 0;

    for (int i = 0; i < TRIPS; i++)
        n += p->times[i] >= at_least && p->times[i] <= at_most;
    return p->wrong ? -1 : n;
}

static enum status walk_on(struct trip_walk *w, struct passed *p)
{
    return records_walk(store, w, soon(), pass, p, &err);
}

static void whole(void)
{
    struct trip_walk *w = trip_walk_new(SEGMENTS);
    struct passed p = {.wrong = 0};
    struct walk_progress progress;
    int steps = 0;

    while (!trip_walk_over(w) && walk_on(w, &p) == ST_OK)
        steps++;
    progress = trip_walk_progress(w);
    tap_note("%lld trips on %lld pages in %d steps", (long long)progress.trips,
             (long long)progress.pages, steps);
    CHECK(trip_walk_over(w));
    CHECK(passed_times(&p, 1, 1) == TRIPS);
    CHECK(progress.trips == p.calls && progress.pages > SEGMENTS);
    CHECK(progress.segments == SEGMENTS && progress.over == SEGMENTS);
    trip_walk_free(&w);
    CHECK(w == NULL);
}

/* Each step is another process's: only the text is handed on. */
static void interrupted(void)
{
    struct passed p = {.wrong = 0};
    struct trip_walk *w = trip_walk_new(SEGMENTS);
    struct str at = trip_walk_print(w, arena);
    int steps = 0;
    bool over = false;

    trip_walk_free(&w);
    for (; !over && steps < 100; steps++) {
        CHECK(trip_walk_resume(at, &w, &err) == ST_OK);
        CHECK(walk_on(w, &p) == ST_OK);
        over = trip_walk_over(w);
        at = trip_walk_print(w, arena);
        for (size_t i = 0; i < at.n; i++)
            if (at.p[i] <= ' ' || at.p[i] > '~')
                over = false; /* not printable: never ends */
        trip_walk_free(&w);
        records_close(&store);
        store = own_store();
    }
    CHECK(over && steps > 1);
    CHECK(passed_times(&p, 1, 1) == TRIPS);
}

/* Nothing is left out, and what was passed before comes again at most once. */
static void callback_fails(void)
{
    struct passed p = {.fail_at = 150};
    struct trip_walk *w = trip_walk_new(SEGMENTS);

    CHECK(walk_on(w, &p) == ST_GONE_CLIENT);
    CHECK(!trip_walk_over(w));
    while (!trip_walk_over(w) && walk_on(w, &p) == ST_OK)
        ;
    CHECK(passed_times(&p, 1, 2) == TRIPS);
    CHECK(passed_times(&p, 1, 1) < TRIPS);
    trip_walk_free(&w);
}

static void too_late(void)
{
    struct deadline past = {clock_mono_ms() - 1};
    struct trip_walk *w = trip_walk_new(1);
    struct passed p = {.wrong = 0};

    CHECK(records_walk(store, w, past, pass, &p, &err) == ST_TIMEOUT);
    CHECK(p.calls == 0 && !trip_walk_begun(w, 0));
    trip_walk_free(&w);
}

static enum status walk_from(const char *printed)
{
    struct trip_walk *w;
    struct passed p = {.wrong = 0};
    enum status st = trip_walk_resume(str_of(printed), &w, &err);

    if (st == ST_OK)
        st = walk_on(w, &p);
    CHECK(p.calls == 0);
    trip_walk_free(&w);
    return st;
}

static void other_store(void)
{
    bool sqlite = str_starts(str_of(conf.records_url), STR_LIT("sqlite:"));

    CHECK(walk_from(sqlite ? "@trip-7,.," : "@trip-7%00,.,") == ST_BAD_REQUEST);
    CHECK(!sqlite || walk_from("@trip-7%00,-,") == ST_BAD_REQUEST);
}

/* ---- the text ---- */

static void text(void)
{
    static const char *const bad[] = {
        "",   ",",    "@,",  "@%,",  "@%4,",  "@%4g,", "-",   "-.,",
        "x,", "@%41", "..,", "-,,-", "@%4a,", " -,",   "-, ", "--,"};
    struct trip_walk *w = trip_walk_new(3), *again;
    char long_text[4 * WALK_POSITION_MAX];

    trip_walk_move(w, 1, STR_LIT("a\0b, \303\244%"));
    trip_walk_end(w, 2);
    CHECK(str_is(trip_walk_print(w, arena), "-,@a%00b%2C%20%C3%A4%25,.,"));
    CHECK(trip_walk_resume(trip_walk_print(w, arena), &again, &err) == ST_OK);
    CHECK(trip_walk_segments(again) == 3 && !trip_walk_begun(again, 0) &&
          trip_walk_ended(again, 2) && !trip_walk_over(again));
    CHECK(str_eq(trip_walk_position(again, 1), STR_LIT("a\0b, \303\244%")));
    trip_walk_free(&again);
    trip_walk_free(&w);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(trip_walk_resume(str_of(bad[i]), &w, &err) == ST_BAD_REQUEST &&
              !w);
    memset(long_text, 'a', sizeof long_text);
    long_text[0] = '@';
    long_text[WALK_POSITION_MAX + 1] = ',';
    CHECK(trip_walk_resume((struct str){long_text, WALK_POSITION_MAX + 2}, &w,
                           &err) == ST_OK);
    trip_walk_free(&w);
    long_text[WALK_POSITION_MAX + 1] = 'a';
    long_text[WALK_POSITION_MAX + 2] = ',';
    CHECK(trip_walk_resume((struct str){long_text, WALK_POSITION_MAX + 3}, &w,
                           &err) == ST_BAD_REQUEST);
    memset(long_text, '-', sizeof long_text);
    for (int i = 0; i <= WALK_SEGMENTS_MAX; i++)
        long_text[2 * i + 1] = ',';
    CHECK(trip_walk_resume((struct str){long_text, 2 * WALK_SEGMENTS_MAX + 2},
                           &w, &err) == ST_BAD_REQUEST);
}

static void empty_table(void)
{
    struct passed p = {.wrong = 0};
    struct trip_walk *w;

    if (!store_folder)
        return; /* others' trips are in there */
    w = trip_walk_new(4);
    CHECK(walk_on(w, &p) == ST_OK && trip_walk_over(w) && p.calls == 0);
    trip_walk_free(&w);
}

int main(int argc, char **argv)
{
    store_start(argc > 1 ? argv[1] : NULL);
    text();
    empty_table();
    make_trips();
    whole();
    interrupted();
    callback_fails();
    too_late();
    other_store();
    store_end();
    return tap_end();
}

/* Debts that fall due later: not looked at before, and gone when taken back. */
#include "t/unit/spool.h"

#include <sys/mman.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/folder.h"
#include "store/keys.h"
#include "t/unit/syncs.h"

static int64_t now_ms(void)
{
    return clock_wall_us() / 1000;
}

static struct debt open_debt(const char *trip, int64_t due_ms)
{
    return (struct debt){
        .kind = DEBT_open, .trip_id = str_of(trip), .due_ms = due_ms};
}

static bool add(const char *trip, int64_t due_ms)
{
    struct debt d = open_debt(trip, due_ms);

    return spool_add(spool, &d, &err) == ST_OK;
}

static int worked(struct seen *s)
{
    s->n = 0;
    CHECK(spool_work(spool, DEBT_open, see, s, &err) == ST_OK);
    return s->n;
}

static int files(void)
{
    struct arena *a = arena_new(0);
    struct folder_names names;
    int fd = open(path_of("open"), O_RDONLY | O_DIRECTORY), n = -1;

    if (fd >= 0 && folder_names(fd, NAMES_PLAIN, a, &names, &err) == ST_OK)
        n = (int)names.n;
    close(fd);
    arena_free(&a);
    return n;
}

static void when_due(void)
{
    struct seen s = {.answer = SPOOL_UNTRIED};
    int64_t past = now_ms() - 5000, soon = now_ms() + 400;

    CHECK(add("trip_b", past) && add("trip_a", past) && add("trip_c", soon));
    CHECK(add("trip_a", past) && owed(DEBT_open) == 3); /* the same debt */
    CHECK(worked(&s) == 2 && !strcmp(s.last, "open//trip_b"));
    CHECK(owed(DEBT_open) == 3); /* kept */
    s.answer = SPOOL_SETTLED;
    CHECK(worked(&s) == 2 && owed(DEBT_open) == 1 && files() == 1);
    CHECK(worked(&s) == 0);
    clock_sleep_ms(soon - now_ms() + 5);
    CHECK(worked(&s) == 1 && !strcmp(s.last, "open//trip_c"));
    CHECK(owed(DEBT_open) == 0 && files() == 0);
}

static void taken_back(void)
{
    struct seen s = {.answer = SPOOL_SETTLED};
    int64_t past = now_ms() - 5000;
    struct debt mine = open_debt("trip_a", past),
                other = open_debt("trip_a", past + 1);

    CHECK(add("trip_a", past) && add("trip_b", past));
    spool_take_back(spool, &other); /* it has another time */
    CHECK(owed(DEBT_open) == 2);
    spool_take_back(spool, &mine);
    CHECK(owed(DEBT_open) == 1);
    spool_take_back(spool, &mine); /* another host's: no harm */
    CHECK(worked(&s) == 1 && !strcmp(s.last, "open//trip_b"));
    CHECK(files() == 0);
    spool_take_back(spool, &mine); /* nor does it make a file */
    CHECK(files() == 0);
    CHECK(add("trip_a", past));
    spool_take_back(spool, &mine);
    CHECK(add("trip_a", past) && owed(DEBT_open) == 1); /* once more */
    CHECK(worked(&s) == 1 && worked(&s) == 0);
}

/* What is done is not done again, while others keep the file there. */
static enum spool_end see_but_a(void *ctx, const struct debt *d)
{
    (void)see(ctx, d);
    return str_is(d->trip_id, "trip_a") ? SPOOL_UNTRIED : SPOOL_SETTLED;
}

static void one_stays(void)
{
    struct seen s = {.answer = SPOOL_SETTLED};
    int64_t past = now_ms() - 5000;

    CHECK(add("trip_a", past) && add("trip_b", past) && add("trip_c", past));
    CHECK(spool_work(spool, DEBT_open, see_but_a, &s, &err) == ST_OK);
    CHECK(s.n == 3 && owed(DEBT_open) == 1);
    CHECK(worked(&s) == 1 && !strcmp(s.last, "open//trip_a") && files() == 0);
}

/* Not due again at once, but later: what a look makes of most. */
static enum spool_end put_off(void *ctx, const struct debt *d)
{
    struct debt later = *d;

    ++*(int *)ctx;
    later.due_ms = now_ms() + 600000;
    return spool_add(spool, &later, &err) == ST_OK ? SPOOL_SETTLED
                                                   : SPOOL_FAILED;
}

static void due_again(void)
{
    struct seen s = {.answer = SPOOL_SETTLED};
    int n = 0;

    CHECK(add("trip_a", now_ms() - 1) && owed(DEBT_open) == 1);
    CHECK(spool_work(spool, DEBT_open, put_off, &n, &err) == ST_OK && n == 1);
    CHECK(owed(DEBT_open) == 1 && files() == 1);
    CHECK(worked(&s) == 0 && owed(DEBT_open) == 1);
}

static void no_sync(void)
{
    struct seen s = {.answer = SPOOL_SETTLED};

    syncs.n = 0;
    CHECK(add("trip_s", now_ms() - 1) && worked(&s) == 1);
    CHECK(syncs.n == 0 && !synced(path_of("open")));
}

static void longest_id(void)
{
    char id[ID_MAX + 1];
    struct seen s = {.answer = SPOOL_SETTLED};

    memset(id, 'x', ID_MAX);
    id[ID_MAX] = '\0';
    CHECK(add(id, now_ms() - 2));
    CHECK(worked(&s) == 1 && strlen(s.last) == strlen("open//") + ID_MAX);
}

static bool there(const char *name)
{
    return access(path_of(name), F_OK) == 0;
}

static void what_is_no_entry(void)
{
    struct seen s = {.answer = SPOOL_SETTLED};

    CHECK(mkdir(path_of("open/yesterday"), 0750) == 0);
    CHECK(mkdir(path_of("open/0000000000000001"), 0750) == 0);
    put_file("open/0000000000000002", ">trip_x\n>no id\n\n>trip_y\n", 0);
    CHECK(owed(DEBT_open) == 2);
    log_open("/dev/null", LOG_ERROR, "test"); /* it says so in the log */
    CHECK(worked(&s) == 2 && worked(&s) == 0);
    log_open("stderr", LOG_ERROR, "test");
    CHECK(there("open/.damaged-yesterday") &&
          there("open/.damaged-0000000000000001") &&
          there("open/.damaged-0000000000000002"));
    CHECK(files() == 0);
}

/* A full disk cuts a line short, and the next one follows at once. */
static void cut_short(void)
{
    struct seen s = {.answer = SPOOL_SETTLED};
    struct debt d = open_debt("trip_d", 3);

    put_file("open/0000000000000003", ">trip_a\n>tr>trip_b\n<trip_a>trip_c\n>x",
             0);
    CHECK(owed(DEBT_open) == 3);
    CHECK(spool_add(spool, &d, &err) == ST_OK && owed(DEBT_open) == 4);
    CHECK(worked(&s) == 4 && !strcmp(s.last, "open//trip_d"));
    CHECK(files() == 0 && !there("open/.damaged-0000000000000003"));
    put_file("open/0000000000000004", ">trip_a\n<trip", 0);
    CHECK(worked(&s) == 1 && owed(DEBT_open) == 0);
}

/* ---- several processes ---- */

#define ADDERS 3
#define ADDED_MAX 200000
static char (*was_seen)[ADDED_MAX]; /* shared: of each adder's trips */
static int *n_added;

static enum spool_end note_seen(void *ctx, const struct debt *d)
{
    int adder, n;

    (void)ctx;
    if (sscanf(d->trip_id.p, "trip_%d_%d\n", &adder, &n) == 2)
        was_seen[adder][n] = 1;
    return SPOOL_SETTLED;
}

static int add_or_work(int i, void *ctx)
{
    struct spool *s = own_spool();
    int64_t until = clock_mono_ms() + 300;
    char trip[40];
    int code = 0, n = 0;

    (void)ctx;
    while (code == 0 && clock_mono_ms() < until && n < ADDED_MAX) {
        struct debt d;

        snprintf(trip, sizeof trip, "trip_%d_%d", i, n);
        d = open_debt(trip, 77);
        if (i < ADDERS)
            code = spool_add(s, &d, &err) != ST_OK;
        else
            code = spool_work(s, DEBT_open, note_seen, NULL, &err) != ST_OK;
        if (i < ADDERS && code == 0)
            n_added[i] = ++n;
    }
    spool_close(&s);
    return code;
}

static void *shared(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                   -1, 0);

    if (p == MAP_FAILED)
        abort();
    return p;
}

/* The file goes whenever nothing is owed, also while another opens it: no debt
 * goes with it. */
static void adding_while_working(void)
{
    int codes[2 * ADDERS], lost = 0, all = 0;

    was_seen = shared(ADDERS * sizeof *was_seen);
    n_added = shared(ADDERS * sizeof *n_added);
    procs_run(2 * ADDERS, add_or_work, NULL, codes);
    CHECK(procs_count(2 * ADDERS, codes, 0) == 2 * ADDERS);
    CHECK(spool_work(spool, DEBT_open, note_seen, NULL, &err) == ST_OK);
    for (int i = 0; i < ADDERS; i++)
        for (int n = 0; n < n_added[i]; n++, all++)
            lost += !was_seen[i][n];
    CHECK(all > 0 && lost == 0 && !there("open/0000000000000077"));
    munmap(was_seen, ADDERS * sizeof *was_seen);
    munmap(n_added, ADDERS * sizeof *n_added);
}

/* A step of which all trips but a few were finalized. */
static void many(void)
{
    struct seen s = {.answer = SPOOL_SETTLED};
    int64_t before = owed(DEBT_open), due = now_ms() + 3600000, us;
    int64_t began = clock_mono_us();
    char id[40];
    bool all = true;

    for (int i = 0; i < 20000; i++) {
        snprintf(id, sizeof id, "trip_many_%d", i);
        all = add(id, due + i % 32) && all;
    }
    us = clock_mono_us() - began;
    CHECK(all);
    began = clock_mono_us();
    CHECK(spool_work(spool, DEBT_open, see, &s, &err) == ST_OK && s.n == 0);
    tap_note("20000 open trips: %.1f us to note one, %lld us to look",
             (double)us / 20000, (long long)(clock_mono_us() - began));
    for (int i = 0; i < 20000; i++) {
        struct debt d;

        snprintf(id, sizeof id, "trip_many_%d", i);
        all = add(id, 5) && all;
        d = open_debt(id, 5);
        if (i % 2000)
            spool_take_back(spool, &d);
    }
    began = clock_mono_us();
    CHECK(all && worked(&s) == 10 && !there("open/0000000000000005"));
    tap_note("20000 that were due, 10 of them open: %lld us",
             (long long)(clock_mono_us() - began));
    began = clock_mono_us();
    CHECK(owed(DEBT_open) == before + 20000);
    tap_note("20000 open trips counted: %lld us",
             (long long)(clock_mono_us() - began));
}

int main(void)
{
    const char *top = spool_begin();

    when_due();
    taken_back();
    no_sync();
    longest_id();
    what_is_no_entry();
    cut_short();
    one_stays();
    due_again();
    adding_while_working();
    many();
    return spool_end(top);
}

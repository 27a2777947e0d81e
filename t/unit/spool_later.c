/* Debts that fall due later: not looked at before, and gone when taken back. */
#include "t/unit/spool.h"

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

static int folders(void)
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
    struct seen s = {.answer = ST_UNAVAILABLE};
    int64_t past = now_ms() - 5000, soon = now_ms() + 400;

    CHECK(add("trip_b", past) && add("trip_a", past) && add("trip_c", soon));
    CHECK(add("trip_a", past) && owed(DEBT_open) == 3); /* the same debt */
    CHECK(worked(&s) == 2 && !strcmp(s.last, "open//trip_b"));
    CHECK(owed(DEBT_open) == 3); /* kept */
    s.answer = ST_OK;
    CHECK(worked(&s) == 2 && owed(DEBT_open) == 1 && folders() == 1);
    CHECK(worked(&s) == 0);
    clock_sleep_ms(soon - now_ms() + 5);
    CHECK(worked(&s) == 1 && !strcmp(s.last, "open//trip_c"));
    CHECK(owed(DEBT_open) == 0 && folders() == 0);
}

static void taken_back(void)
{
    struct seen s = {.answer = ST_OK};
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
}

/* Not due again at once, but later: what a look makes of most. */
static enum status put_off(void *ctx, const struct debt *d)
{
    struct debt later = *d;

    ++*(int *)ctx;
    later.due_ms = now_ms() + 600000;
    return spool_add(spool, &later, &err);
}

static void due_again(void)
{
    struct seen s = {.answer = ST_OK};
    int n = 0;

    CHECK(add("trip_a", now_ms() - 1) && owed(DEBT_open) == 1);
    CHECK(spool_work(spool, DEBT_open, put_off, &n, &err) == ST_OK && n == 1);
    CHECK(owed(DEBT_open) == 1 && folders() == 1);
    CHECK(worked(&s) == 0 && owed(DEBT_open) == 1);
}

static void no_sync(void)
{
    struct seen s = {.answer = ST_OK};

    syncs.n = 0;
    CHECK(add("trip_s", now_ms() - 1) && worked(&s) == 1);
    CHECK(syncs.n == 0 && !synced(path_of("open")));
}

static void longest_id(void)
{
    char id[ID_MAX + 1];
    struct seen s = {.answer = ST_OK};

    memset(id, 'x', ID_MAX);
    id[ID_MAX] = '\0';
    CHECK(add(id, now_ms() - 2));
    CHECK(worked(&s) == 1 && strlen(s.last) == strlen("open//") + ID_MAX);
}

static void what_is_no_entry(void)
{
    struct seen s = {.answer = ST_OK};

    CHECK(mkdir(path_of("open/yesterday"), 0750) == 0);
    CHECK(mkdir(path_of("open/0000000000000001"), 0750) == 0);
    put_file("open/0000000000000001/no id", "", 0);
    log_open("/dev/null", LOG_ERROR, "test"); /* it says so in the log */
    CHECK(worked(&s) == 0);
    log_open("stderr", LOG_ERROR, "test");
    CHECK(access(path_of("open/.damaged-yesterday"), F_OK) == 0);
    CHECK(access(path_of("open/.damaged-no id"), F_OK) == 0);
    CHECK(access(path_of("open/0000000000000001"), F_OK) != 0);
}

static int add_or_work(int i, void *ctx)
{
    struct spool *s = own_spool();
    int64_t until = clock_mono_ms() + 300;
    struct seen seen = {.answer = ST_OK};
    int code = 0;

    (void)ctx;
    while (code == 0 && clock_mono_ms() < until) {
        struct debt d = open_debt("trip_w", 77);

        code = i % 2 ? spool_work(s, DEBT_open, see, &seen, &err) != ST_OK
                     : spool_add(s, &d, &err) != ST_OK;
    }
    spool_close(&s);
    return code;
}

/* The folder goes whenever it is empty, also while another makes an entry. */
static void adding_while_working(void)
{
    struct seen s = {.answer = ST_OK};
    int codes[6];

    procs_run(6, add_or_work, NULL, codes);
    CHECK(procs_count(6, codes, 0) == 6);
    (void)worked(&s);
}

static void many(void)
{
    struct seen s = {.answer = ST_OK};
    int64_t began, due = now_ms() + 3600000, us;
    char id[40];
    bool all = true;

    began = clock_mono_us();
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
}

int main(void)
{
    const char *top = spool_begin();

    when_due();
    taken_back();
    no_sync();
    longest_id();
    what_is_no_entry();
    due_again();
    adding_while_working();
    many();
    return spool_end(top);
}

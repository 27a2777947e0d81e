#include "ctl/progress.h"
#include "t/unit/tap.h"

static const char *text(const struct progress *p, int64_t done, int64_t ms)
{
    static char out[PROGRESS_TEXT_MAX];

    progress_text(p, done, p->began_ms + ms, out);
    return out;
}

static bool is(const char *got, const char *wanted)
{
    if (strcmp(got, wanted) == 0)
        return true;
    printf("# %s\n", got);
    return false;
}

int main(void)
{
    struct progress p = progress_begin("trips", 200, 0);

    p.terminal = false;
    CHECK(is(text(&p, 0, 0), "trips: 0 of about 200, 0%"));
    CHECK(is(text(&p, 50, 1000), "trips: 50 of about 200, 25%"));
    CHECK(is(text(&p, 50, 60000),
             "trips: 50 of about 200, 25%, about 3:00 left"));
    CHECK(is(text(&p, 1, 60000),
             "trips: 1 of about 200, 0%, about 3:19:00 left"));
    /* An estimate: it is not over before it is over. */
    CHECK(is(text(&p, 300, 60000), "trips: 300 of about 200, 99%"));
    CHECK(is(text(&p, 200, 60000), "trips: 200 of about 200, 100%"));
    /* What was there before it began says nothing about its speed. */
    p.from = 100;
    CHECK(is(text(&p, 150, 60000),
             "trips: 150 of about 200, 75%, about 1:00 left"));
    p = progress_begin("trips", 0, 0);
    p.terminal = false;
    CHECK(is(text(&p, 7, 60000), "trips: 7"));
    p = progress_begin("users", 60, 0);
    p.terminal = true;
    CHECK(is(text(&p, 20, 1000),
             "users [##########                    ] 20, 33%"));
    return tap_end();
}

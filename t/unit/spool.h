/* spool.h - a spool in a temporary folder, and what it owes; for its tests. */
#ifndef DG_T_SPOOL_H
#define DG_T_SPOOL_H

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <utime.h>
#include "store/spool.h"
#include "t/unit/procs.h"
#include "t/unit/tap.h"

#define USER STR_LIT("driver-1")

static char folder[300];
static struct spool *spool;
static struct err err;

__attribute__((unused)) static struct spool *own_spool(void)
{
    struct spool *s;

    if (spool_open(folder, &s, &err) != ST_OK)
        abort();
    return s;
}

__attribute__((unused)) static const struct debt trip_debt = {
    .kind = DEBT_trip,
    .user_id = {"driver-1", 8},
    .trip_id = {"trip_driver-1_5", 15}};
__attribute__((unused)) static const struct debt token_debt = {
    .kind = DEBT_token, .user_id = {"driver-1", 8}};

__attribute__((unused)) static int64_t owed(enum debt_kind kind)
{
    int64_t n;

    if (spool_count(spool, kind, &n, &err) != ST_OK)
        abort();
    return n;
}

__attribute__((unused)) static bool token_waits(struct str user_id)
{
    return spool_waits(spool, DEBT_token, user_id);
}

__attribute__((unused)) static char *path_of(const char *name)
{
    static char path[400];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

__attribute__((unused)) static enum spool_end
add_nothing(void *ctx, const struct debt *debt)
{
    (void)ctx, (void)debt;
    return SPOOL_SETTLED;
}

/* ---- trips ---- */

struct seen {
    int n;
    char last[2 * ID_MAX + 20];
    enum spool_end answer;
};

__attribute__((unused)) static enum spool_end see(void *ctx,
                                                  const struct debt *d)
{
    struct seen *s = ctx;

    s->n++;
    snprintf(s->last, sizeof s->last, "%s/%.*s/%.*s", debt_folder(d->kind),
             STR_ARG(d->user_id), STR_ARG(d->trip_id));
    return s->answer;
}

__attribute__((unused)) static int taken(enum spool_end answer)
{
    struct seen s = {.answer = answer};

    CHECK(spool_work(spool, DEBT_trip, see, &s, &err) == ST_OK);
    CHECK(s.n == 0 || !strcmp(s.last, "trips/driver-1/trip_driver-1_5"));
    return s.n;
}

__attribute__((unused)) static void put_file(const char *name, const char *text,
                                             time_t age)
{
    struct utimbuf t = {time(NULL) - age, time(NULL) - age};
    FILE *f = fopen(path_of(name), "w");

    if (!f || fputs(text, f) < 0 || fclose(f) || utime(path_of(name), &t))
        abort();
}

__attribute__((unused)) static const char *spool_begin(void)
{
    const char *top = temp_folder();

    snprintf(folder, sizeof folder, "%s/var/spool", top);
    CHECK(spool_open(folder, &spool, &err) == ST_OK);
    return top;
}

__attribute__((unused)) static int spool_end(const char *top)
{
    spool_close(&spool);
    CHECK(spool == NULL);
    temp_remove(top);
    return tap_end();
}

#endif

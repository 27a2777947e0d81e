/* records.h - the store that a contract test of store/records.h works on: an
 * SQLite file of its own, or the one of a URL; and trips of its own there. */
#ifndef DG_T_RECORDS_H
#define DG_T_RECORDS_H

#include <string.h>
#include "base/json.h"
#include "base/random.h"
#include "store/records.h"
#include "t/unit/procs.h"
#include "t/unit/real.h"
#include "t/unit/tap.h"

#define NOW 1766241265000000
#define MINUTE INT64_C(60000000)

static struct conf conf;
static struct records *store;
static struct arena *arena;
static struct err err;
static char run[RANDOM_HEX + 1]; /* part of every id */

/* Far off: 64 processes under valgrind take their time. */
static struct deadline soon(void)
{
    return deadline_in(600000);
}

static struct str id(const char *name)
{
    return arena_printf(arena, "%s-%s", name, run);
}

/* Another connection to it: for a process that was forked. */
static struct records *own_store(void)
{
    struct records *r;

    if (records_open(&conf, &r, &err) != ST_OK)
        abort();
    return r;
}

static const char *store_folder; /* NULL: a URL was given */

static void store_start(const char *url)
{
    arena = arena_new(0);
    random_hex(run);
    store_folder = url ? NULL : temp_folder();
    real_conf(arena, &conf);
    conf.records_url =
        url ? url
            : arena_printf(arena, "sqlite://%s/a/records.db", store_folder).p;
    if (records_open(&conf, &store, &err) == ST_OK)
        return;
    printf("Bail out! %s\n", err.text);
    exit(EXIT_FAILURE);
}

static void store_end(void)
{
    records_close(&store);
    arena_free(&arena);
    if (store_folder)
        temp_remove(store_folder);
}

/* ---- trips and their batches ---- */

static int64_t count_of(const char *deltas)
{
    struct json v;

    return json_check(str_of(deltas), JSON_DEPTH, &v, &err) == ST_OK
               ? (int64_t)json_count(v)
               : 0;
}

static struct batch batch_of(struct str trip, struct str user, int64_t number,
                             const char *deltas)
{
    return (struct batch){.batch_id =
                              arena_printf(arena, "%.*s_batch_%lld",
                                           STR_ARG(trip), (long long)number),
                          .trip_id = trip,
                          .user_id = user,
                          .number = number,
                          .batch_size = -1,
                          .first_us = NOW + number * MINUTE,
                          .last_us = NOW + (number + 1) * MINUTE,
                          .uploaded_us = NOW,
                          .original_count = 3,
                          .deltas_count = count_of(deltas),
                          .deltas = str_of(deltas),
                          .statistics = STR_LIT("{\"total_deltas\":2}"),
                          .issues = STR_LIT("[]")};
}

static enum status upload(const struct batch *b, int64_t now_us)
{
    struct batch_stored out;

    return records_batch_store(store, b, now_us, soon(), &out, &err);
}

__attribute__((unused)) static struct trip trip_now(struct str trip_id)
{
    struct trip t;

    if (records_trip(store, trip_id, soon(), arena, &t, &err) != ST_OK)
        memset(&t, 0, sizeof t);
    return t;
}

#endif

/* objects.h - the store that a contract test of store/objects.h works on: its
 * own folder, or the one of a URL; and a driver of its own there. */
#ifndef DG_T_OBJECTS_H
#define DG_T_OBJECTS_H

#include "base/random.h"
#include "store/keys.h"
#include "store/objects.h"
#include "t/unit/procs.h"
#include "t/unit/real.h"
#include "t/unit/tap.h"

#define BODY_MAX (1 << 20)

static struct conf conf;
static struct objects *store;
static struct arena *arena;
static struct err err;
static char user[RANDOM_HEX + 1];

static struct deadline soon(void)
{
    return deadline_in(20000);
}

static struct str trip_key(const char *trip, int64_t end_ms)
{
    return key_trip(arena, str_of(user), str_of(trip), end_ms);
}

__attribute__((unused)) static enum status put(struct str key, const char *body,
                                               enum object_condition cond,
                                               const struct etag *match,
                                               struct etag *out)
{
    return objects_put(store, key, str_of(body), NULL, cond, match, soon(), out,
                       &err);
}

static const char *store_folder; /* NULL: a URL was given */

static void store_start(const char *url)
{
    arena = arena_new(0);
    random_hex(user);
    store_folder = url ? NULL : temp_folder();
    real_conf(arena, &conf);
    conf.objects_url =
        url ? url : arena_printf(arena, "file://%s/a/b/", store_folder).p;
    if (objects_open(&conf, &store, &err) == ST_OK &&
        objects_check(store, soon(), &err) == ST_OK)
        return;
    printf("Bail out! %s\n", err.text);
    exit(EXIT_FAILURE);
}

/* Keys, as the driver has them. */
struct keys {
    struct str v[64];
    size_t n;
};

static enum status add_key(void *ctx, const struct object_entry *e)
{
    struct keys *k = ctx;

    k->v[k->n++] = arena_copy(arena, e->key);
    return k->n < sizeof k->v / sizeof *k->v ? ST_OK : ST_TOO_LARGE;
}

static enum status all_keys(struct keys *out)
{
    struct str all = arena_printf(arena, "users/%s/", user);
    int pages;

    out->n = 0;
    return objects_list(store, all, soon(), add_key, out, &pages, &err);
}

/* Nothing of the driver stays. */
static void store_end(void)
{
    struct keys keys;

    CHECK(objects_sweep(store, soon(), &err) == ST_OK);
    CHECK(all_keys(&keys) == ST_OK);
    for (size_t i = 0; i < keys.n; i++)
        CHECK(objects_delete_unwatched(store, keys.v[i], soon(), &err) ==
              ST_OK);
    CHECK(all_keys(&keys) == ST_OK && keys.n == 0);
    objects_close(&store);
    CHECK(store == NULL);
    arena_free(&arena);
    if (store_folder)
        temp_remove(store_folder);
}

#endif

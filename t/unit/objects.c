/*
 * The contract of objects.h, against a store of either kind:
 *
 *   t/unit/objects            a directory of its own
 *   t/unit/objects URL        that store, with S3_ENDPOINT, AWS_REGION and
 *                             S3_CA_FILE of the environment as settings;
 *                             a driver of its own, removed at the end
 *   t/unit/objects URL weak   the same without the races: a server that does
 *                             not keep conditions cannot win them
 */
#include <string.h>
#include "base/log.h"
#include "base/random.h"
#include "store/keys.h"
#include "store/objects.h"
#include "t/unit/procs.h"
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

static enum status put(struct str key, const char *body,
                       enum object_condition cond, const struct etag *match,
                       struct etag *out)
{
    return objects_put(store, key, str_of(body), NULL, cond, match, soon(), out,
                       &err);
}

static bool holds(struct str key, const char *body)
{
    struct object o;

    return objects_get(store, key, NULL, BODY_MAX, soon(), arena, &o, &err) ==
               ST_OK &&
           str_is(o.body, body);
}

/* Other settings than the defaults, for a store that is not AWS's. */
static void settings(const char *url)
{
    const char *endpoint = getenv("S3_ENDPOINT"),
               *region = getenv("AWS_REGION");
    const char *ca = getenv("S3_CA_FILE");

    if (conf_load(NULL, arena, &conf, &err) != ST_OK)
        abort();
    conf.objects_url = url;
    if (endpoint)
        conf.s3_endpoint = endpoint;
    if (region)
        conf.s3_region = region;
    if (ca)
        conf.s3_ca_file = ca;
}

static void put_and_get(void)
{
    const struct object_meta meta = {STR_LIT("T1"), str_of(user),
                                     STR_LIT("87.5")};
    struct str key = trip_key("T1", 1766241265000);
    int64_t before = clock_wall_us();
    struct etag etag, again;
    struct object o;

    CHECK(objects_get(store, key, NULL, BODY_MAX, soon(), arena, &o, &err) ==
          ST_NOT_FOUND);
    CHECK(objects_put(store, key, STR_LIT("hello"), &meta, COND_NONE, NULL,
                      soon(), &etag, &err) == ST_OK);
    CHECK(!strcmp(etag.z, "5d41402abc4b2a76b9719d911017c592"));
    CHECK(objects_get(store, key, &etag, 5, soon(), arena, &o, &err) == ST_OK);
    CHECK(str_is(o.body, "hello") && !strcmp(o.etag.z, etag.z));
    CHECK(str_is(o.meta.trip_id, "T1") && str_is(o.meta.user_id, user) &&
          str_is(o.meta.behavior_score, "87.5"));
    /* A store's own clock may be a little off, and S3 has whole seconds. */
    CHECK(o.modified_us > before - 60000000 &&
          o.modified_us < before + 60000000);

    CHECK(objects_get(store, key, NULL, 4, soon(), arena, &o, &err) ==
          ST_TOO_LARGE);
    CHECK(put(key, "", COND_NONE, NULL, &again) == ST_OK);
    CHECK(objects_get(store, key, &etag, BODY_MAX, soon(), arena, &o, &err) ==
          ST_PRECONDITION);
    CHECK(objects_get(store, key, NULL, 0, soon(), arena, &o, &err) == ST_OK &&
          o.body.n == 0 && o.meta.trip_id.n == 0);
}

static void conditions(void)
{
    struct str key = key_summary(arena, str_of(user));
    struct etag one, two, three;

    CHECK(put(key, "0", COND_MATCH, &(struct etag){"x"}, &one) ==
          ST_PRECONDITION);
    CHECK(put(key, "1", COND_ABSENT, NULL, &one) == ST_OK);
    CHECK(put(key, "2", COND_ABSENT, NULL, &two) == ST_PRECONDITION);
    CHECK(put(key, "2", COND_MATCH, &one, &two) == ST_OK);
    CHECK(put(key, "3", COND_MATCH, &one, &three) == ST_PRECONDITION);
    CHECK(holds(key, "2"));

    CHECK(objects_delete(store, key, &one, soon(), &err) == ST_PRECONDITION);
    CHECK(holds(key, "2"));
    if (objects_delete(store, key, &two, soon(), &err) == ST_BUSY) {
        /* Some S3 servers cannot; they must say so and change nothing. */
        CHECK(strncmp(conf.objects_url, "s3:", 3) == 0 && holds(key, "2"));
        CHECK(objects_delete_unwatched(store, key, soon(), &err) == ST_OK);
    }
    CHECK(!holds(key, "2"));
    CHECK(objects_delete(store, key, &two, soon(), &err) == ST_OK);
    CHECK(put(key, "4", COND_ABSENT, NULL, &one) == ST_OK);
    CHECK(objects_delete_unwatched(store, key, soon(), &err) == ST_OK);
    CHECK(objects_delete_unwatched(store, key, soon(), &err) == ST_OK);
    CHECK(!holds(key, "4"));
}

static void refused_keys(void)
{
    static const char *const bad[] = {
        "",
        "users",
        "users/../summary.json.gz",
        "users/u/../../x",
        "users/.u/summary.json.gz",
        "users/u/trips/.t_1.json.gz",
        "users/u/trips/t_1.json",
        "users/u/trips/a/b_1.json.gz",
        "/users/u/summary.json.gz",
        "users//summary.json.gz",
        "users/u/.lock",
    };
    struct etag etag;
    struct object o;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct str key = str_of(bad[i]);

        CHECK(put(key, "x", COND_NONE, NULL, &etag) == ST_INTERNAL &&
              objects_get(store, key, NULL, 9, soon(), arena, &o, &err) ==
                  ST_INTERNAL &&
              objects_delete_unwatched(store, key, soon(), &err) ==
                  ST_INTERNAL);
    }
    CHECK(put((struct str){"users/u\0/summary.json.gz", 24}, "x", COND_NONE,
              NULL, &etag) == ST_INTERNAL);
}

/* ---- listing ---- */

struct seen {
    size_t n, stop_at;
    char keys[64][300];
    struct object_entry entry[64]; /* their keys point nowhere */
};

static enum status see(void *ctx, const struct object_entry *e)
{
    struct seen *seen = ctx;

    snprintf(seen->keys[seen->n], sizeof *seen->keys, "%.*s", STR_ARG(e->key));
    seen->entry[seen->n++] = *e;
    return seen->n == seen->stop_at ? ST_GONE_CLIENT : ST_OK;
}

static struct seen *list(struct str prefix)
{
    static struct seen seen;
    int pages;

    seen.n = seen.stop_at = 0;
    CHECK(objects_list(store, prefix, soon(), see, &seen, &pages, &err) ==
              ST_OK &&
          pages >= 1);
    return &seen;
}

static void listing(void)
{
    static const char *const trips[] = {"b", "a", "a_x", "a.y", "a0"};
    struct str prefix = key_trips_prefix(arena, str_of(user));
    struct etag etag[5], summary;
    struct seen *s;
    int pages;

    for (int i = 0; i < 5; i++)
        CHECK(put(trip_key(trips[i], 1000 + i), trips[i], COND_NONE, NULL,
                  &etag[i]) == ST_OK);
    CHECK(put(key_summary(arena, str_of(user)), "s", COND_NONE, NULL,
              &summary) == ST_OK);
    s = list(prefix);
    CHECK(s->n == 6); /* with T1 of put_and_get */
    for (size_t i = 1; i < s->n; i++)
        CHECK(strcmp(s->keys[i - 1], s->keys[i]) < 0);
    CHECK(str_eq(str_of(s->keys[5]), trip_key("b", 1000)) &&
          !strcmp(s->entry[5].etag.z, etag[0].z) && s->entry[5].size == 1 &&
          s->entry[5].modified_us > 0);

    s = list(key_trip_prefix(arena, str_of(user), STR_LIT("a")));
    CHECK(s->n == 2 && str_eq(str_of(s->keys[0]), trip_key("a", 1001)) &&
          str_eq(str_of(s->keys[1]), trip_key("a_x", 1002)));
    s = list(arena_printf(arena, "users/%s/", user));
    CHECK(s->n == 7 && !strcmp(s->entry[0].etag.z, summary.z));
    CHECK(list(arena_printf(arena, "users/%s-/trips/", user))->n == 0);

    s->n = 0;
    s->stop_at = 2;
    CHECK(objects_list(store, prefix, soon(), see, s, &pages, &err) ==
              ST_GONE_CLIENT &&
          s->n == 2);
    CHECK(objects_list(store, STR_LIT("users/"), soon(), see, s, &pages,
                       &err) == ST_INTERNAL);
}

static enum status look_for_user(void *ctx, struct str user_id)
{
    *(int *)ctx += str_is(user_id, user);
    return ST_OK;
}

static void drivers(void)
{
    int found = 0;

    CHECK(objects_drivers(store, soon(), look_for_user, &found, &err) ==
              ST_OK &&
          found == 1);
}

struct gets {
    int n, ok, absent, other, stop_at;
};

static enum status count_got(void *ctx, const struct object_want *want,
                             enum status st, const struct object *obj,
                             const struct err *why)
{
    struct gets *g = ctx;

    g->n++;
    g->ok += st == ST_OK && str_is(obj->body, want->user);
    g->absent += st == ST_NOT_FOUND && !obj && why->st == st;
    g->other += st == ST_PRECONDITION && !obj;
    return g->n == g->stop_at ? ST_GONE_CLIENT : ST_OK;
}

static void many(void)
{
    static char a[] = "a", b[] = "b";
    const struct object_want want[] = {
        {trip_key("b", 1000), {""}, b},
        {trip_key("none", 1), {""}, a},
        {trip_key("a", 1001), {"x"}, a},
        {trip_key("a", 1001), {"0cc175b9c0f1b6a831c399e269772661"}, a},
    };
    struct gets g = {0};

    CHECK(objects_get_many(store, want, 4, BODY_MAX, soon(), count_got, &g,
                           &err) == ST_OK);
    CHECK(g.n == 4 && g.ok == 2 && g.absent == 1 && g.other == 1);
    g = (struct gets){.stop_at = 2};
    CHECK(objects_get_many(store, want, 4, BODY_MAX, soon(), count_got, &g,
                           &err) == ST_GONE_CLIENT &&
          g.n >= 2);
    CHECK(objects_get_many(store, want, 0, BODY_MAX, soon(), count_got, &g,
                           &err) == ST_OK);
}

/* ---- many writers at once ---- */

/* Each opens a store of its own, as the processes of the service do. */
static struct objects *own_store(void)
{
    struct objects *s;

    if (objects_open(&conf, &s, &err) != ST_OK)
        abort();
    return s;
}

struct race {
    struct str key;
    enum object_condition cond;
    struct etag match;
};

static int race_once(int i, void *ctx)
{
    const struct race *r = ctx;
    struct objects *s = own_store();
    char body[20];
    struct etag etag;
    enum status st;

    /* Of other bytes each time: the same ones would be the same version. */
    snprintf(body, sizeof body, "%d, racer %d", (int)r->cond, i);
    do
        st = objects_put(s, r->key, str_of(body), NULL, r->cond, &r->match,
                         soon(), &etag, &err);
    while (st == ST_BUSY);
    objects_close(&s);
    return (int)st;
}

static void one_winner(void)
{
    struct race r = {trip_key("race", 1), COND_ABSENT, {""}};
    int codes[16];
    struct object o;
    char body[20];
    int winner = 0;

    for (int round = 0; round < 2; round++) {
        procs_run(16, race_once, &r, codes);
        CHECK(procs_count(16, codes, ST_OK) == 1 &&
              procs_count(16, codes, ST_PRECONDITION) == 15);
        while (winner < 15 && codes[winner] != ST_OK)
            winner++;
        snprintf(body, sizeof body, "%d, racer %d", (int)r.cond, winner);
        CHECK(objects_get(store, r.key, NULL, 99, soon(), arena, &o, &err) ==
                  ST_OK &&
              str_is(o.body, body));
        r.cond = COND_MATCH; /* the second time, over what is there */
        r.match = o.etag;
        winner = 0;
    }
}

static int remove_once(int i, void *ctx)
{
    const struct race *r = ctx;
    struct objects *s = own_store();
    char body[32];
    struct etag etag;
    enum status st;

    /* One half removes the version, the other half replaces it, each by bytes
     * of its own: who was refused and finds his very bytes there believes
     * that it was he who wrote them. */
    snprintf(body, sizeof body, "replaced by %d", i);
    do
        st = i % 2 ? objects_delete(s, r->key, &r->match, soon(), &err)
                   : objects_put(s, r->key, str_of(body), NULL, COND_MATCH,
                                 &r->match, soon(), &etag, &err);
    while (st == ST_BUSY);
    objects_close(&s);
    return (int)st;
}

static void removal_or_version(void)
{
    struct race r = {trip_key("gone", 1), COND_MATCH, {""}};
    int codes[16], replaced;
    char body[32] = "";

    CHECK(put(r.key, "old", COND_NONE, NULL, &r.match) == ST_OK);
    procs_run(16, remove_once, &r, codes);
    replaced = 0;
    for (int i = 0; i < 16; i += 2)
        if (codes[i] == ST_OK) {
            replaced++;
            snprintf(body, sizeof body, "replaced by %d", i);
        }
    /* Whoever came first decided; a removal never takes the newer version. */
    CHECK(replaced <= 1 && holds(r.key, body) == (replaced == 1));
    CHECK(procs_count(16, codes, ST_OK) +
              procs_count(16, codes, ST_PRECONDITION) ==
          16);
}

static int add_own_letter(int i, void *ctx)
{
    struct str key = *(struct str *)ctx;
    struct objects *s = own_store();
    enum status st;

    do { /* read, add, put if unchanged: as summaries are merged */
        struct object o;
        struct etag etag;
        struct str body;

        clock_sleep_ms(random_below(4));
        st = objects_get(s, key, NULL, 99, soon(), arena, &o, &err);
        if (st != ST_OK)
            break;
        body = arena_printf(arena, "%.*s%c", STR_ARG(o.body), 'a' + i);
        st = objects_put(s, key, body, NULL, COND_MATCH, &o.etag, soon(), &etag,
                         &err);
    } while (st == ST_PRECONDITION || st == ST_BUSY);
    objects_close(&s);
    return (int)st;
}

static void nothing_is_lost(void)
{
    struct str key = trip_key("merge", 1);
    int codes[12], letters = 0;
    struct etag etag;
    struct object o;

    CHECK(put(key, "", COND_ABSENT, NULL, &etag) == ST_OK);
    procs_run(12, add_own_letter, &key, codes);
    CHECK(procs_count(12, codes, ST_OK) == 12);
    CHECK(objects_get(store, key, NULL, 99, soon(), arena, &o, &err) == ST_OK &&
          o.body.n == 12);
    for (int i = 0; i < 12 && o.body.n == 12; i++)
        letters += memchr(o.body.p, 'a' + i, 12) != NULL;
    CHECK(letters == 12);
}

static void too_late(void)
{
    struct deadline past = {clock_mono_ms() - 1};
    struct etag etag;
    struct object o;

    CHECK(objects_put(store, trip_key("late", 1), STR_LIT("x"), NULL, COND_NONE,
                      NULL, past, &etag, &err) == ST_TIMEOUT);
    CHECK(objects_get(store, trip_key("T1", 1), NULL, 9, past, arena, &o,
                      &err) == ST_TIMEOUT);
}

static enum status remove_listed(void *ctx, const struct object_entry *e)
{
    (void)ctx;
    return objects_delete_unwatched(store, e->key, soon(), &err);
}

static void urls(void)
{
    static const char *const bad[] = {"", "file://", "file://x/y", "ftp://x"};
    struct conf c = conf;
    struct objects *s;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        c.objects_url = bad[i];
        CHECK(objects_open(&c, &s, &err) == ST_BAD_REQUEST && s == NULL);
    }
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? NULL : temp_folder();
    int pages;

    arena = arena_new(0);
    random_hex(user);
    settings(argc > 1 ? argv[1]
                      : arena_printf(arena, "file://%s/a/b/", folder).p);
    if (objects_open(&conf, &store, &err) != ST_OK ||
        objects_check(store, soon(), &err) != ST_OK) {
        printf("Bail out! %s\n", err.text);
        return EXIT_FAILURE;
    }
    put_and_get();
    conditions();
    refused_keys();
    listing();
    drivers();
    many();
    if (argc < 3) {
        one_winner();
        removal_or_version();
        nothing_is_lost();
    }
    too_late();
    urls();
    CHECK(objects_sweep(store, soon(), &err) == ST_OK);
    CHECK(objects_list(store, arena_printf(arena, "users/%s/", user), soon(),
                       remove_listed, NULL, &pages, &err) == ST_OK);
    CHECK(list(arena_printf(arena, "users/%s/", user))->n == 0);
    objects_close(&store);
    CHECK(store == NULL);
    arena_free(&arena);
    if (folder)
        temp_remove(folder);
    return tap_end();
}

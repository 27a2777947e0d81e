/*
 * The contract of objects.h, against a store of either kind (listing and
 * getting many at once: objects_look.c):
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
#include "t/unit/objects.h"

static bool holds(struct str key, const char *body)
{
    struct object o;

    return objects_get(store, key, NULL, BODY_MAX, soon(), arena, &o, &err) ==
               ST_OK &&
           str_is(o.body, body);
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
    store_start(argc > 1 ? argv[1] : NULL);
    put_and_get();
    conditions();
    refused_keys();
    if (argc < 3) {
        one_winner();
        removal_or_version();
        nothing_is_lost();
    }
    too_late();
    urls();
    store_end();
    return tap_end();
}

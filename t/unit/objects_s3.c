/*
 * Objects in a bucket, on a small server that keeps S3's promises or breaks
 * them on demand. What a real one does is tried by t/s3.t.
 */
#include "base/gzip.h"
#include "base/log.h"
#include "store/keys.h"
#include "store/objects_s3.h"
#include "t/unit/s3_server.h"
#include "t/unit/tap.h"

static struct server srv;
static struct conf conf;
static struct arena *arena;
static struct err err;
static struct objects *store;

/* ---- helpers ---- */

/* Far off: who has all tries left has none that is cut short by its end. */
static struct deadline soon(void)
{
    return deadline_in(20000);
}

/* A store that has not found anything out yet. */
static void fresh(int mode)
{
    objects_close(&store);
    srv.seen->mode = mode;
    if (objects_open(&conf, &store, &err) != ST_OK)
        printf("Bail out! %s\n", err.text);
    srv.seen->requests = 0;
}

static struct str key(const char *trip)
{
    return key_trip(arena, STR_LIT("u@x"), str_of(trip), 1);
}

static struct etag of_body(const char *body)
{
    unsigned char md[MD5_SIZE];
    struct etag e;

    digest_md5(str_of(body), md);
    digest_hex(md, MD5_SIZE, e.z);
    return e;
}

static enum status put(const char *trip, const char *body,
                       enum object_condition cond, const char *over)
{
    struct etag out, match = of_body(over ? over : "");

    return objects_put(store, key(trip), str_of(body), NULL, cond, &match,
                       soon(), &out, &err);
}

static bool holds(const char *trip, const char *body)
{
    struct object o;
    enum status st =
        objects_get(store, key(trip), NULL, 1000, soon(), arena, &o, &err);

    return body ? st == ST_OK && str_is(o.body, body) : st == ST_NOT_FOUND;
}

static enum status del(const char *trip, const char *over)
{
    struct etag match = of_body(over);

    return objects_delete(store, key(trip), &match, soon(), &err);
}

/* ---- what is tried ---- */

static void conditions_kept(void)
{
    fresh(0);
    CHECK(put("a", "1", COND_ABSENT, NULL) == ST_OK);
    /* The second one saw that it is kept, and then 8 at once, and a removal. */
    CHECK(srv.seen->requests == 2 + 9);
    srv.seen->requests = 2;
    CHECK(put("b", "1", COND_ABSENT, NULL) == ST_OK);
    CHECK(srv.seen->requests == 3);
    CHECK(put("b", "2", COND_ABSENT, NULL) == ST_PRECONDITION);
    CHECK(srv.seen->requests == 4);
    CHECK(put("a", "2", COND_MATCH, "1") == ST_OK);
    CHECK(srv.seen->requests == 6); /* a wrong ETag was tried before */
    CHECK(put("a", "3", COND_MATCH, "1") == ST_PRECONDITION);
    CHECK(srv.seen->requests == 7); /* no look behind it: it is kept */
    CHECK(put("none", "3", COND_MATCH, "1") == ST_PRECONDITION);
    CHECK(del("a", "1") == ST_PRECONDITION && holds("a", "2"));
    CHECK(del("a", "2") == ST_OK && holds("a", NULL));
    CHECK(del("a", "2") == ST_OK);
}

static void conditions_missing(void)
{
    fresh(IGNORES_ABSENT | REFUSES_MATCH | IGNORES_DELETE_MATCH);
    CHECK(put("w", "1", COND_ABSENT, NULL) == ST_OK);
    CHECK(put("w", "2", COND_ABSENT, NULL) == ST_PRECONDITION);
    CHECK(holds("w", "1"));
    CHECK(put("w", "3", COND_MATCH, "2") == ST_PRECONDITION);
    CHECK(put("w", "3", COND_MATCH, "1") == ST_OK && holds("w", "3"));
    CHECK(put("w", "4", COND_MATCH, "1") == ST_PRECONDITION);
    CHECK(put("w", "4", COND_MATCH, "3") == ST_OK && holds("w", "4"));
    CHECK(del("w", "3") == ST_PRECONDITION && holds("w", "4"));
    CHECK(del("w", "4") == ST_BUSY && holds("w", "4"));
    CHECK(objects_delete_unwatched(store, key("w"), soon(), &err) == ST_OK);
    CHECK(del("w", "4") == ST_OK);
    /* A look that something else answers is no leave to write. */
    srv.seen->mode |= NOT_S3;
    CHECK(put("w", "5", COND_ABSENT, NULL) == ST_UNAVAILABLE);
    CHECK(put("new", "5", COND_ABSENT, NULL) == ST_UNAVAILABLE);
    CHECK(del("w", "4") == ST_UNAVAILABLE);
    fresh(REFUSES_PROBE);
    CHECK(put("p", "1", COND_NONE, NULL) == ST_OK);
    CHECK(del("p", "1") == ST_DENIED && holds("p", "1"));
}

/* Kept for one writer, and not for those that meet: as if it had none. */
static void conditions_raced(void)
{
    fresh(RACES);
    CHECK(put("c", "1", COND_ABSENT, NULL) == ST_OK);
    CHECK(((struct objects_s3 *)store)->absent == TRAIT_MISSING &&
          ((struct objects_s3 *)store)->match == TRAIT_MISSING);
    CHECK(put("c", "2", COND_ABSENT, NULL) == ST_PRECONDITION);
    CHECK(put("c", "2", COND_MATCH, "1") == ST_OK && holds("c", "2"));
    srv.seen->mode = 0;
    CHECK(objects_delete_unwatched(store, key("c"), soon(), &err) == ST_OK);
}

/* One that lets any ETag pass, and one that says that it has no conditions. */
static void conditions_ignored(void)
{
    static const int modes[] = {IGNORES_MATCH, NO_CONDITIONS};

    for (size_t i = 0; i < 2; i++) {
        fresh(modes[i]);
        CHECK(put("i", "1", COND_ABSENT, NULL) == ST_OK);
        CHECK(put("i", "2", COND_ABSENT, NULL) == ST_PRECONDITION);
        CHECK(put("i", "3", COND_MATCH, "2") == ST_PRECONDITION);
        CHECK(holds("i", "1"));
        CHECK(put("i", "3", COND_MATCH, "1") == ST_OK && holds("i", "3"));
        CHECK(put("none", "3", COND_MATCH, "1") == ST_PRECONDITION);
        srv.seen->mode = 0;
        CHECK(objects_delete_unwatched(store, key("i"), soon(), &err) == ST_OK);
    }
}

/* The server did it, we did not hear: the second try meets our own success. */
static void echoes(void)
{
    fresh(LOSES_ANSWER);
    CHECK(put("e", "1", COND_ABSENT, NULL) == ST_OK && holds("e", "1"));
    fresh(LOSES_ANSWER);
    CHECK(put("e", "2", COND_MATCH, "1") == ST_OK && holds("e", "2"));
    srv.seen->mode = LOSES_ANSWER; /* libcurl itself sends it again */
    CHECK(put("e", "3", COND_MATCH, "2") == ST_OK && holds("e", "3"));
    CHECK(put("e", "2", COND_MATCH, "3") == ST_OK);
    fresh(LOSES_ANSWER);
    CHECK(put("e", "3", COND_MATCH, "1") == ST_PRECONDITION);
    srv.seen->mode = 0;
    CHECK(del("x", "1") == ST_OK); /* the probe is behind us */
    srv.seen->mode = LOSES_ANSWER;
    CHECK(del("e", "2") == ST_OK && holds("e", NULL));
}

static enum status get(const char *trip, struct object *o)
{
    err_clear(&err);
    return objects_get(store, key(trip), NULL, 1000, soon(), arena, o, &err);
}

/* What is no .gz is not said to be gzip. */
static void plain(void)
{
    struct etag etag;

    fresh(0);
    CHECK(objects_put(store, key_installation(), STR_LIT("{}"), NULL, COND_NONE,
                      NULL, soon(), &etag, &err) == ST_OK);
    CHECK(strstr(srv.seen->last, "/installation.json HTTP/1.1\r\n") &&
          strstr(srv.seen->last, "\r\ncontent-type: application/json\r\n") &&
          !strstr(srv.seen->last, "content-encoding"));
}

static void reading(void)
{
    const struct object_meta meta = {STR_LIT("T=1"), STR_NONE, STR_NONE};
    struct etag etag;
    struct object o;

    fresh(0);
    CHECK(objects_put(store, key("r"), STR_LIT("body"), &meta, COND_NONE, NULL,
                      soon(), &etag, &err) == ST_OK);
    CHECK(strstr(srv.seen->last,
                 "PUT /bucket-1/users/u%40x/trips/r_1.json.gz HTTP/1.1\r\n"));
    CHECK(strstr(srv.seen->last, "\r\nx-amz-meta-trip_id: T=1\r\n") &&
          strstr(srv.seen->last, "\r\ncontent-type: application/json\r\n") &&
          strstr(srv.seen->last, "\r\ncontent-encoding: gzip\r\n") &&
          !strstr(srv.seen->last, "x-amz-meta-user_id"));
    CHECK(get("r", &o) == ST_OK && str_is(o.meta.trip_id, "T=1") &&
          o.modified_us == 784111777000000);
    srv.seen->mode = DASHES;
    CHECK(get("r", &o) == ST_OK && str_is(o.meta.trip_id, "T=1"));
    srv.seen->mode = DAMAGES;
    CHECK(get("r", &o) == ST_CORRUPT && strstr(err.text, "r_1.json.gz"));
    srv.seen->mode = DAMAGES | BY_KMS; /* no MD5 to compare with */
    CHECK(get("r", &o) == ST_OK);
    srv.seen->mode = NO_ETAG; /* not S3, but something in between */
    srv.seen->requests = 0;
    CHECK(get("r", &o) == ST_UNAVAILABLE && srv.seen->requests == 6);
    srv.seen->mode = 0;
    CHECK(objects_get(store, key("r"), NULL, 3, soon(), arena, &o, &err) ==
          ST_TOO_LARGE);
    srv.seen->mode = ARCHIVES;
    CHECK(get("r", &o) == ST_CORRUPT && strcmp(err.code, "archived") == 0);
    CHECK(objects_version(store, STR_LIT("users/u@x/trips/c"), soon(), &etag,
                          &err) == ST_OK &&
          strcmp(etag.z, "e") == 0);
    srv.seen->mode = CUTS;
    srv.seen->requests = 0;
    CHECK(get("r", &o) == ST_CORRUPT && srv.seen->requests == 6);
}

/* What is done to objects between the bucket and us. */
static void on_the_way(void)
{
    struct object o;
    struct buf text;

    fresh(0);
    CHECK(put("y", "body", COND_NONE, NULL) == ST_OK);
    CHECK(strstr(srv.seen->last, "\r\ncontent-md5: hBotaJrYa9FhFEdFPCLG/A=="
                                 "\r\n"));
    CHECK(get("y", &o) == ST_OK && str_is(o.body, "body"));
    CHECK(strcasestr(srv.seen->last, "\r\naccept-encoding: gzip\r\n") &&
          strstr(srv.seen->last, "SignedHeaders=host;x-amz"));
    CHECK(!strcasestr(srv.seen->last, "if-match"));
    CHECK(objects_get(store, key("y"), &o.etag, 99, soon(), arena, &o, &err) ==
              ST_OK &&
          strstr(srv.seen->last,
                 arena_printf(arena, "\r\nif-match: \"%s\"\r\n", o.etag.z).p));
    srv.seen->mode = CHUNKS;
    CHECK(get("y", &o) == ST_OK && str_is(o.body, "body"));
    srv.seen->mode = CHUNKS | DAMAGES;
    CHECK(get("y", &o) == ST_CORRUPT);
    srv.seen->mode = NO_LENGTH; /* where it ends, nobody knows */
    CHECK(get("y", &o) == ST_CORRUPT);
    srv.seen->mode = UNPACKS | CHUNKS;
    buf_init(&text, 100);
    CHECK(get("y", &o) == ST_OK && gzip_unpack(o.body, &text, &err) == ST_OK &&
          str_is(buf_str(&text), "{\"a\":1}"));
    buf_free(&text);
}

struct listed {
    int n, stop_at;
    char text[500];
};

static enum status listed(void *ctx, const struct object_entry *e)
{
    struct listed *l = ctx;
    size_t at = strlen(l->text);

    snprintf(l->text + at, sizeof l->text - at, "%.*s %s %lld;",
             STR_ARG(e->key), e->etag.z, (long long)e->size);
    return ++l->n == l->stop_at ? ST_GONE_CLIENT : ST_OK;
}

static enum status driver(void *ctx, struct str user_id)
{
    struct listed *l = ctx;
    size_t at = strlen(l->text);

    snprintf(l->text + at, sizeof l->text - at, "%.*s;", STR_ARG(user_id));
    return ST_OK;
}

static void listing(void)
{
    struct listed l = {0};
    int pages = 0;

    fresh(0);
    CHECK(objects_list(store, STR_LIT("users/u@x/trips/"), soon(), listed, &l,
                       &pages, &err) == ST_OK);
    CHECK(pages == 2 && l.n == 4);
    CHECK(strcmp(l.text, "users/u@x/trips/a b+\xc3\xbc e 5;"
                         "users/u@x/trips/c e 77;users/u@x/trips/d e 0;"
                         "users/u@x/trips/f/  0;") == 0);
    CHECK(strstr(srv.seen->last, "&encoding-type=url&list-type=2&"
                                 "prefix=users%2Fu%40x%2Ftrips%2F HTTP"));
    l = (struct listed){.stop_at = 2};
    CHECK(objects_list(store, STR_LIT("users/u@x/trips/"), soon(), listed, &l,
                       &pages, &err) == ST_GONE_CLIENT);
    CHECK(l.n == 2 && pages == 1);
    l = (struct listed){0};
    CHECK(objects_drivers(store, soon(), driver, &l, &err) == ST_OK);
    CHECK(strcmp(l.text, "a;b+c;") == 0);
    srv.seen->mode = BAD_PAGE;
    CHECK(objects_list(store, STR_LIT("users/u@x/trips/"), soon(), listed, &l,
                       &pages, &err) == ST_UNAVAILABLE);
}

/* ---- the check ---- */

static enum status check(void)
{
    err_clear(&err);
    srv.seen->requests = 0;
    return objects_check(store, soon(), &err);
}

/* The last good answer is too old to stand. */
static void later(void)
{
    ((struct objects_s3 *)store)->accepted_ms -= 10000;
}

static bool last_was_put(bool conditional)
{
    return strstr(srv.seen->last, "PUT /bucket-1/probe/write HTTP/1.1\r\n") &&
           strstr(srv.seen->last, "\r\ncontent-encoding: gzip\r\n") &&
           strstr(srv.seen->last, "\r\nx-amz-meta-trip_id: probe\r\n") &&
           (strstr(srv.seen->last, "\r\nif-match: 0000") != NULL) ==
               conditional;
}

/*
 * A bucket that can be listed and takes no object. One is written when nothing
 * is known, and after a failure; else the condition's refusal is the answer.
 */
static void accepting(void)
{
    fresh(0);
    CHECK(check() == ST_OK && srv.seen->requests == 2 && last_was_put(false));
    CHECK(check() == ST_OK && srv.seen->requests == 1); /* it stands */
    later();
    CHECK(check() == ST_OK && srv.seen->requests == 2 && last_was_put(true));
    later();
    srv.seen->mode = REFUSES_PROBE;
    CHECK(check() == ST_DENIED && last_was_put(true));
    CHECK(strstr(err.text, "no object is accepted: PUT ") &&
          strstr(err.text, "AccessDenied"));
    CHECK(check() == ST_DENIED && srv.seen->requests == 2 &&
          last_was_put(false)); /* asked again at once */
    srv.seen->mode = 0;
    CHECK(check() == ST_OK && last_was_put(false));
    later();
    srv.seen->mode = IGNORES_MATCH;
    CHECK(check() == ST_OK && last_was_put(true));
    /* 404: the object has gone, or this is no S3. */
    fresh(0);
    CHECK(check() == ST_OK);
    srv.seen->mode = FORGETS;
    later();
    CHECK(check() == ST_OK && last_was_put(true));
    srv.seen->mode = NOT_S3;
    later();
    CHECK(check() != ST_OK && last_was_put(true));
    fresh(NO_CONDITIONS);
    CHECK(check() == ST_OK);
    later();
    CHECK(check() == ST_OK && last_was_put(false));
    fresh(DROPS_META);
    CHECK(check() == ST_DENIED && strstr(err.text, "underscores_in_headers") &&
          strstr(err.text, "SignatureDoesNotMatch"));
}

static enum status count_got(void *ctx, const struct object_want *want,
                             enum status st, const struct object *obj,
                             const struct err *why)
{
    int *seen = ctx;

    (void)obj;
    seen[want->unless.z[0] != '\0'] += st == ST_OK;
    seen[2] += st == ST_PRECONDITION && why->st == st;
    return ST_OK;
}

/* Ranges of several pages beside gets: pages go on while gets are done. */
static void looking(void)
{
    const struct object_want want[] = {
        {.key = key("r")},
        {.key = key("r"), .unless = of_body("body")},
        {.key = key("r"), .unless = of_body("other")},
    };
    struct listed l[3] = {{0}};
    struct object_range r[3] = {
        {.prefix = STR_LIT("users/u@x/trips/")},
        {.prefix = STR_LIT("users/u@x/trips/"), .one_page = true},
        {.prefix = STR_LIT("users/u@x/trips/"),
         .after = STR_LIT("users/u@x/trips/b"),
         .until = STR_LIT("users/u@x/trips/c")},
    };
    int seen[3] = {0};

    fresh(0);
    CHECK(put("r", "body", COND_NONE, "") == ST_OK);
    srv.seen->requests = 0;
    for (int i = 0; i < 3; i++) {
        r[i].listed = listed;
        r[i].ctx = &l[i];
    }
    CHECK(objects_look(store, r, 3, want, 3, 1000, soon(), count_got, seen,
                       &err) == ST_OK);
    CHECK(seen[0] == 1 && seen[1] == 1 && seen[2] == 1);
    CHECK(l[0].n == 4 && r[0].pages == 2 && !r[0].more);
    CHECK(l[1].n == 2 && r[1].pages == 1 && r[1].more);
    /* The last key asked for has come: its next page is not. */
    CHECK(l[2].n == 2 && r[2].pages == 1 && !r[2].more);
    CHECK(srv.seen->requests == 7);
    CHECK(objects_look(store, &r[2], 1, NULL, 0, 0, soon(), NULL, NULL, &err) ==
          ST_OK);
    CHECK(
        strstr(srv.seen->last, "&start-after=users%2Fu%40x%2Ftrips%2Fb HTTP"));
    seen[2] = 0;
    srv.seen->mode = IGNORES_ABSENT; /* knows no If-None-Match */
    CHECK(objects_look(store, NULL, 0, want, 3, 1000, soon(), count_got, seen,
                       &err) == ST_OK &&
          seen[2] == 1);
    srv.seen->mode = BAD_PAGE;
    CHECK(objects_look(store, r, 2, want, 3, 1000, soon(), count_got, seen,
                       &err) == ST_UNAVAILABLE);
}

/*
 * The bucket is a part of the host's name, where that is a name. A server of
 * its own: requests that an earlier test gave up may still come to the other.
 */
static void host_names(void)
{
    struct server own = server_start(answer);
    const char *port = strrchr(own.url, ':') + 1;
    struct conf c = conf;
    struct objects *s;

    c.s3_endpoint = arena_printf(arena, "http://store.localhost:%s/", port).p;
    CHECK(objects_open(&c, &s, &err) == ST_OK);
    own.seen->mode = 0;
    CHECK(objects_check(s, soon(), &err) == ST_OK);
    CHECK(strncmp(own.seen->last, "PUT /probe/write ", 17) == 0);
    CHECK(strcasestr(
        own.seen->last,
        arena_printf(arena, "\r\nhost: bucket-1.store.localhost:%s\r\n", port)
            .p));
    objects_close(&s);
    server_stop(&own);
}

static void urls(void)
{
    static const char *const bad[] = {"s3://",    "s3://a",   "s3://Aaa",
                                      "s3://a/b", "s3://-ab", "s3://a..b",
                                      "s3://ab.", "s3://a_b"};
    struct conf c = conf;
    struct objects *s = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        c.objects_url = bad[i];
        CHECK(objects_open(&c, &s, &err) == ST_BAD_REQUEST && !s);
    }
    c = conf;
    c.s3_endpoint = "https://host/path";
    CHECK(objects_open(&c, &s, &err) == ST_BAD_REQUEST && !s);
}

int main(void)
{
    log_open("/dev/null", LOG_DEBUG, "test");
    srv = server_start(answer);
    arena = arena_new(4096);
    server_conf(&srv, arena, &conf);
    conf.objects_url = "s3://bucket-1";
    conditions_kept();
    conditions_missing();
    conditions_ignored();
    conditions_raced();
    echoes();
    plain();
    reading();
    on_the_way();
    listing();
    accepting();
    looking();
    host_names();
    urls();
    objects_close(&store);
    arena_free(&arena);
    server_stop(&srv);
    return tap_end();
}

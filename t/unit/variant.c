/*
 * What one reader may see is never another's: two views that differ in one
 * field, of the front or of the trips, share neither name nor ETag, entry, file
 * or fill lock; and an answer made of what all share has nothing more than its
 * reader may see.
 */
#include "answer/answer_cache.h"
#include "answer/front_fields.h"
#include "answer/reading.h"
#include "t/unit/answer.h"
#include "t/unit/procs.h"
#include "t/unit/redis.h"

#define D deadline_in(2000)

static struct arena *a;
static struct err err;
static struct stores stores;
static const struct reading_request request;

/* A reader with that view, who has looked into the cache. */
static struct reading reader(const struct view *view)
{
    struct reading r = {.call = {.stores = &stores,
                                 .user_id = STR_LIT("u"),
                                 .deadline = D,
                                 .arena = a,
                                 .err = &err},
                        .request = &request,
                        .variant = {.searched_by = STR_LIT("u"),
                                    .view = *view,
                                    .coding = CODING_PLAIN}};
    struct cache_entry e;

    variant_name(&r.variant, a);
    CHECK(cache_lookup(stores.cache, r.call.user_id, r.variant.name, D, a, &e,
                       &err) == ST_OK);
    r.token = e.token;
    return r;
}

static struct view view_with(const char *query, bool details)
{
    struct query *q = arena_alloc(a, sizeof *q);
    struct view v = {.limit = -1};

    CHECK(query_parse(str_of(query), a, q, &err) == ST_OK);
    CHECK(view_parse(q, details, a, &v, &err) == ST_OK);
    return v;
}

static struct view view_of(const char *query)
{
    return view_with(query, true);
}

/* All that the table names, but that one. */
static struct fields all_but(const struct field_table *t, unsigned out)
{
    struct fields set = fields_none();

    for (unsigned i = 0; i < t->n; i++)
        if (i != out)
            fields_add(&set, t, str_of(t->name[i]));
    return set;
}

/* ---- names ---- */

static bool same_file(const struct reading *x, const struct reading *y)
{
    struct keeping kx = reading_keeping(x, STR_LIT("r"), 7);
    struct keeping ky = reading_keeping(y, STR_LIT("r"), 7);
    struct file_name fx, fy;

    CHECK(!kept_in_file(&kx, &fx) && !kept_in_file(&ky, &fy));
    return strcmp(fx.z, fy.z) == 0;
}

/* Whether y finds what x has kept. */
static bool same_entry(const struct reading *x, const struct reading *y)
{
    struct keeping k = reading_keeping(x, STR_LIT("r"), clock_wall_us() / 1000);
    struct cache_entry ex, ey;

    keep_etag(&k, STR_LIT("W/\"x\""), false);
    CHECK(cache_lookup(stores.cache, x->call.user_id, x->variant.name, D, a,
                       &ex, &err) == ST_OK);
    CHECK(cache_lookup(stores.cache, y->call.user_id, y->variant.name, D, a,
                       &ey, &err) == ST_OK);
    CHECK(ex.hit);
    freeReplyObject(redis_do("DEL dg:{u}:rep:%s", arena_z(a, x->variant.name)));
    return ey.hit;
}

/* Whether y waits while x fills. */
static bool same_lock(const struct reading *x, const struct reading *y)
{
    enum status st;

    CHECK(cache_fill_begin(stores.cache, x->call.user_id, reading_fill(x),
                           &x->token, D, &err) == ST_OK);
    st = cache_fill_begin(stores.cache, y->call.user_id, reading_fill(y),
                          &y->token, D, &err);
    CHECK(st == ST_OK || st == ST_BUSY);
    freeReplyObject(redis_do("FLUSHALL"));
    return st == ST_BUSY;
}

static bool same_etag(const struct reading *x, const struct reading *y)
{
    return str_eq(variant_etag(&x->variant, STR_LIT("s"), a),
                  variant_etag(&y->variant, STR_LIT("s"), a));
}

/* fill: the two fill the same, however they differ. */
static void differ(const struct view *vx, const struct view *vy, bool fill)
{
    struct reading x = reader(vx), y = reader(vy);

    CHECK(!str_eq(x.variant.name, y.variant.name));
    CHECK(!same_etag(&x, &y));
    CHECK(!same_file(&x, &y));
    CHECK(!same_entry(&x, &y));
    CHECK(same_lock(&x, &y) == fill);
}

/* The driver's entry has the whole front for all who want all trips: they
 * differ in what is made of it, so one of them fills it. */
static void one_field(const char *query)
{
    struct view full = view_of(query);
    struct view named_front = full, named_trips = full;

    named_front.front = all_but(&front_fields, FRONT_FIELDS);
    differ(&full, &named_front, view_whole(&full));
    for (unsigned i = 0; i < FRONT_FIELDS; i++) {
        struct view v = named_front;

        v.front = all_but(&front_fields, i);
        differ(&named_front, &v, view_whole(&full));
    }
    if (full.summary)
        return;
    named_trips.trips = all_but(&analysis_fields, analysis_fields.n);
    differ(&full, &named_trips, false);
    for (unsigned i = 0; i < analysis_fields.n; i++) {
        struct view v = named_trips;

        v.trips = all_but(&analysis_fields, i);
        differ(&named_trips, &v, false);
    }
}

static void same(const char *qx, const char *qy)
{
    struct view vx = view_of(qx), vy = view_of(qy);
    struct reading x = reader(&vx), y = reader(&vy);

    CHECK(str_eq(x.variant.name, y.variant.name));
    CHECK(same_etag(&x, &y) && same_file(&x, &y) && same_entry(&x, &y) &&
          same_lock(&x, &y));
}

static void spellings(void)
{
    same("user_id=u", "email=e");
    same("limit=5", "user_id=u&limit=5");
    same("fields=trip_id,revision&limit=2", "limit=2&fields=revision,trip_id");
    same("view=summary", "view=summary&limit=3&fields=trip_id");
}

/* ---- what is shared ---- */

static enum status append(void *to, struct str part)
{
    buf_put(to, part);
    return ST_OK;
}

static struct str text_of(const struct reading *r)
{
    struct str text;
    struct buf b;

    buf_init(&b, 100000);
    CHECK(body_each(&r->body, append, &b, &err) == ST_OK);
    text = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return text;
}

static struct str read_as(const struct view *view)
{
    struct reading r = reader(view);

    return reading_from_cache(&r, D) == ST_OK ? text_of(&r) : STR_NONE;
}

/* A host with answer.details = off fills the same entry in another form: each
 * finds its own, and never the other's. */
static void two_forms(void)
{
    struct view full = view_of("user_id=u");
    struct view brief = view_with("user_id=u", false);
    struct view summary = view_with("view=summary", false);
    struct answer ans = an_answer(a);
    char space[FIELDS_TEXT_MAX];
    struct reading r;

    differ(&full, &brief, true);
    r = reader(&full);
    for (int round = 0; round < 2; round++) {
        ans.members = fields_text(round ? full.trips : brief.trips, space);
        CHECK(cache_fill_begin(stores.cache, r.call.user_id, reading_fill(&r),
                               &r.token, D, &err) == ST_OK);
        CHECK(answer_fill(&r.call, &r.token, &ans));
        cache_fill_end(stores.cache, r.call.user_id, reading_fill(&r), &r.token,
                       D);
        /* Of the round before its own bytes are kept, beside the entry. */
        if (!round)
            CHECK(!read_as(&full).n && read_as(&brief).n > 0);
        else
            CHECK(read_as(&full).n > 0 && read_as(&brief).n > 0);
        CHECK(read_as(&summary).n > 0);
    }
    freeReplyObject(redis_do("FLUSHALL"));
}

/* Another reader, who may see everything, has filled and kept all there is. */
static void shared_entry(void)
{
    struct view all = view_of("user_id=u"), no_front = all, no_trips = all;
    struct view summary = view_of("view=summary"), nothing = summary;
    struct answer ans = an_answer(a);
    struct reading r = reader(&all);

    no_front.front = nothing.front = fields_none();
    no_trips.trips = fields_none();
    CHECK(cache_fill_begin(stores.cache, r.call.user_id, reading_fill(&r),
                           &r.token, D, &err) == ST_OK);
    CHECK(answer_fill(&r.call, &r.token, &ans));
    for (int round = 0; round < 2; round++) { /* made, then kept */
        CHECK(read_as(&all).n > 0);
        CHECK(str_ends(read_as(&all),
                       STR_LIT("\"user_id\":\"u\",\"trips\":[{\"trip_id\":1}]"
                               "}")));
        CHECK(str_ends(read_as(&summary), STR_LIT(",\"user_id\":\"u\"}")));
        CHECK(str_is(read_as(&no_front), "{\"trips\":[{\"trip_id\":1}]}"));
        CHECK(str_is(read_as(&nothing), "{}"));
        CHECK(!read_as(&no_trips).n); /* that entry has all of each trip */
    }
    freeReplyObject(redis_do("FLUSHALL"));
}

int main(void)
{
    const char *folder;
    struct conf conf = {.cache_user = "",
                        .cache_ca_file = "",
                        .cache_password_file = "",
                        .cache_ttl = 60000,
                        .cache_user_ttl = 60000,
                        .cache_timeout = 1000,
                        .cache_max_driver = 1 << 26,
                        .cache_files_max = 1 << 26,
                        .cache_files_driver = 1 << 26,
                        .cache_views = 64,
                        .server_request_timeout = 10000};

    if (!redis_begin())
        return 0;
    a = arena_new(65536);
    folder = temp_folder();
    conf.server_spool = arena_printf(a, "%s/spool", folder).p;
    conf.cache_files = arena_printf(a, "%s/files", folder).p;
    conf.cache_url = arena_printf(a, "unix://%s", redis_socket()).p;
    stores.conf = &conf;
    CHECK(cache_open(&conf, &stores.cache, &err) == ST_OK);
    CHECK(spool_open(conf.server_spool, &stores.spool, &err) == ST_OK);
    CHECK(files_open(&conf, &stores.files, &err) == ST_OK);
    one_field("user_id=u");
    one_field("limit=5");
    one_field("view=summary");
    spellings();
    shared_entry();
    two_forms();
    cache_close(&stores.cache);
    spool_close(&stores.spool);
    files_close(&stores.files);
    temp_remove(folder);
    arena_free(&a);
    redis_end();
    return tap_end();
}

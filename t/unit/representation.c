/* One answer's bytes in either coding, and what is kept of them. */
#include "answer/representation.h"

#include "answer/front_fields.h"
#include "base/gzip.h"
#include "t/unit/answer.h"
#include "t/unit/tap.h"

#define ALL                                                                    \
    {                                                                          \
        {                                                                      \
            UINT64_MAX, UINT64_MAX                                             \
        }                                                                      \
    } /* fields_all, in a constant */

static struct arena *a;
static struct err err;

/* Of a driver with two trips, one of them unreadable: with all that an answer
 * can have. */
static struct answer full_answer(void)
{
    static struct roster_trip trip[2];
    static struct roster_trip *trips[] = {&trip[0], &trip[1]};
    struct roster roster = {.trip = trips, .n = 2, .unreadable = 1};
    struct conf conf = {.server_spool = "/tmp"};
    struct stores stores = {.conf = &conf};
    struct call call = {.stores = &stores, .arena = a, .err = &err};
    struct user user = {.user_id = STR_LIT("u"), .email = STR_LIT("e@x")};
    struct view view = {.summary = true};
    struct answer_wish wish = {.view = &view, .plain = true, .gzip = true};
    struct answer lists = an_answer(a), ans;

    trip[0] = (struct roster_trip){
        .row = {.trip_id = STR_LIT("t"),
                .figures = {.distance_miles = 3, .context = STR_LIT("city")}}};
    trip[1] = (struct roster_trip){.unreadable = true};
    CHECK(answer_make(&call, &user, &roster, &wish, &ans) == ST_OK);
    ans.plain = lists.plain;
    ans.gzip = lists.gzip;
    ans.sum = lists.sum;
    ans.next = lists.next;
    return ans;
}

static struct variant variant(const char *by, enum coding coding,
                              struct view view)
{
    struct variant v = {
        .searched_by = str_of(by), .coding = coding, .view = view};

    variant_name(&v, a);
    return v;
}

static enum status append(void *to, struct str part)
{
    buf_put(to, part);
    return ST_OK;
}

/* The text that the body stands for. */
static struct str whole_text(const struct variant *v, const struct answer *ans)
{
    struct buf bytes, text;
    struct body b;
    struct str out;

    buf_init(&bytes, 100000);
    buf_init(&text, 100000);
    CHECK(body_make(v, ans, a, &b, &err) == ST_OK);
    CHECK(body_each(&b, append, &bytes, &err) == ST_OK);
    CHECK(bytes.n == body_length(&b));
    if (v->coding == CODING_GZIP)
        CHECK(gzip_unpack(buf_str(&bytes), &text, &err) == ST_OK);
    else
        buf_put(&text, buf_str(&bytes));
    out = arena_copy(a, buf_str(&text));
    buf_free(&text);
    buf_free(&bytes);
    return out;
}

/* The same without the time. */
static struct str text_of(const struct variant *v, const struct answer *ans)
{
    const char *text = arena_z(a, whole_text(v, ans));
    const char *time = strstr(text, "\"analysis_timestamp\":\"");

    CHECK(time);
    return arena_printf(a, "%.*s%s", (int)(time - text), text,
                        strchr(time, ',') + 1);
}

static void texts(void)
{
    static const struct {
        struct view view;
        const char *want;
    } cases[] = {
        {{.front = ALL},
         "{\"searched_by\":\"e\",\"user_id\":\"u\",\"trips\":[{\"trip_id\":1}]"
         "}"},
        {{.summary = true, .front = ALL},
         "{\"searched_by\":\"e\",\"user_id\":\"u\"}"},
        {{.limit = 1, .front = ALL},
         "{\"searched_by\":\"e\",\"user_id\":\"u\",\"trips\":[{\"trip_id\":1}],"
         "\"next_before\":\"abc\"}"},
    };
    struct answer ans = an_answer(a);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int c = CODING_PLAIN; c <= CODING_GZIP; c++) {
            struct variant v = variant("e", (enum coding)c, cases[i].view);

            CHECK(str_is(text_of(&v, &ans), cases[i].want));
        }
}

/* The members that the answer has then, in their order; a bit a field of the
 * front. Trips are there or not, as the view says, and nothing else is. */
static struct fields shown(const struct view *view, enum coding coding,
                           const struct answer *ans)
{
    struct variant v = variant("e", coding, *view);
    struct fields found = fields_none();
    struct json root, key, value;
    struct json_iter it;
    unsigned last = 0, trips = 0;

    if (json_check(whole_text(&v, ans), 9, &root, &err) != ST_OK)
        tap_ok(false, "an answer is JSON: %s", err.text);
    for (it = json_iter(root); json_next(&it, &key, &value);) {
        unsigned i = last;

        if (json_key_is(key, "trips")) {
            trips++;
            continue;
        }
        while (i < FRONT_FIELDS && !json_key_is(key, front_fields.name[i]))
            i++;
        if (i == FRONT_FIELDS)
            tap_ok(false, "%.*s is in the table, and here", STR_ARG(key.raw));
        else
            fields_add(&found, &front_fields, str_of(front_fields.name[i]));
        last = i < FRONT_FIELDS ? i + 1 : last;
    }
    CHECK(trips == !view->summary);
    return found;
}

static struct fields front_but(unsigned out)
{
    struct fields set = fields_none();

    for (unsigned i = 0; i < FRONT_FIELDS; i++)
        if (i != out)
            fields_add(&set, &front_fields, str_of(front_fields.name[i]));
    return set;
}

/* The table against what is printed, whole and with members left out: each of
 * them can be, and can be all that is left. */
static void fronts(void)
{
    struct fields every = front_but(FRONT_FIELDS);
    struct answer ans = full_answer();

    for (int c = CODING_PLAIN; c <= CODING_GZIP; c++) {
        struct view page = {.limit = 1, .front = ALL};
        struct view sum = {.summary = true}; /* never a page, see view_parse */

        CHECK(fields_equal(shown(&page, (enum coding)c, &ans), every));
        for (unsigned i = 0; i < FRONT_FIELDS; i++) {
            page.front = front_but(i);
            CHECK(fields_equal(shown(&page, (enum coding)c, &ans), page.front));
            page.front = fields_none();
            fields_add(&page.front, &front_fields,
                       str_of(front_fields.name[i]));
            CHECK(fields_equal(shown(&page, (enum coding)c, &ans), page.front));
            sum.front = page.front;
            CHECK(fields_is_empty(shown(&sum, (enum coding)c, &ans)) ==
                  (i == FRONT_next_before));
        }
    }
}

/* A notice comes first in each answer, and hides nothing. */
static void notices(void)
{
    struct view views[] = {{.front = ALL},
                           {.summary = true, .front = ALL},
                           {.limit = 1},
                           {.summary = true}};
    struct answer plain = full_answer(), said = plain;

    said.notice = STR_LIT("\"stale\":true");
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        for (int c = CODING_PLAIN; c <= CODING_GZIP; c++) {
            struct variant v = variant("e", (enum coding)c, views[i]);
            bool all = fields_is_all(views[i].front);
            struct str want =
                all ? text_of(&v, &plain) : whole_text(&v, &plain);
            struct str got = all ? text_of(&v, &said) : whole_text(&v, &said);
            struct str rest = {want.p + 1, want.n - 1};

            CHECK(str_eq(got,
                         arena_printf(a, "{\"stale\":true%s%.*s",
                                      rest.n > 1 ? "," : "", STR_ARG(rest))));
        }
}

static void nothing_shown(void)
{
    struct answer ans = full_answer();
    struct variant list = variant("e", CODING_PLAIN, (struct view){.limit = 1});
    struct variant summary =
        variant("e", CODING_PLAIN, (struct view){.summary = true});
    struct body b;

    CHECK(str_is(whole_text(&list, &ans), "{\"trips\":[{\"trip_id\":1}]}"));
    CHECK(str_is(whole_text(&summary, &ans), "{}"));
    ans.front = STR_LIT("\"user_id\":\"u"); /* spoilt in the cache */
    CHECK(body_make(&list, &ans, a, &b, &err) == ST_CORRUPT);
}

static void names(void)
{
    struct view all = {.front = ALL}, some = {.limit = 5, .front = ALL};
    struct variant v[] = {
        variant("e", CODING_PLAIN, all), variant("e", CODING_GZIP, all),
        variant("f", CODING_PLAIN, all), variant("e", CODING_PLAIN, some)};
    struct variant again = variant("e", CODING_PLAIN, all);
    struct str tag = variant_etag(&v[0], STR_LIT("s"), a);

    for (int i = 0; i < 4; i++)
        for (int k = 0; k < i; k++)
            CHECK(!str_eq(v[i].name, v[k].name));
    CHECK(str_eq(v[0].name, again.name));
    CHECK(v[0].name.n <= CACHE_VARIANT_MAX);
    CHECK(str_eq(tag, variant_etag(&again, STR_LIT("s"), a)));
    CHECK(!str_eq(tag, variant_etag(&v[0], STR_LIT("t"), a)));
    CHECK(!str_eq(tag, variant_etag(&v[1], STR_LIT("s"), a)));
    CHECK(str_starts(tag, STR_LIT("W/\"")) && str_ends(tag, STR_LIT("\"")));
}

static void entries(void)
{
    struct kept k;

    CHECK(kept_read(STR_LIT("1 h W/\"x\"\nbody\nmore"), &k, &err) == ST_OK);
    CHECK(k.here && !k.file && str_is(k.etag, "W/\"x\"") &&
          str_is(k.body, "body\nmore"));
    CHECK(kept_read(STR_LIT("1 f W/\"x\"\n"), &k, &err) == ST_OK);
    CHECK(!k.here && k.file && k.body.n == 0);
    CHECK(kept_read(STR_LIT("1 n W/\"x\"\n"), &k, &err) == ST_OK);
    CHECK(!k.here && !k.file);
    CHECK(kept_read(STR_NONE, &k, &err) == ST_NOT_FOUND);
    CHECK(kept_read(STR_LIT("1 h W/\"x\""), &k, &err) == ST_NOT_FOUND);
    CHECK(kept_read(STR_LIT("2 h W/\"x\"\nb"), &k, &err) == ST_NOT_FOUND);
    CHECK(kept_read(STR_LIT("1xh W/\"x\"\nb"), &k, &err) == ST_NOT_FOUND);
    CHECK(kept_read(STR_LIT("1 hxW/\"x\"\nb"), &k, &err) == ST_NOT_FOUND);
    CHECK(kept_read(STR_LIT("1 h \nb"), &k, &err) == ST_NOT_FOUND);
    CHECK(kept_read(STR_LIT("\n\n\n\n\n\n"), &k, &err) == ST_NOT_FOUND);
}

int main(void)
{
    a = arena_new(4096);
    texts();
    fronts();
    notices();
    nothing_shown();
    names();
    entries();
    arena_free(&a);
    return tap_end();
}

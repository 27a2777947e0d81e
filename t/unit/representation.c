/* One answer's bytes in either coding, and what is kept of them. */
#include "answer/representation.h"

#include "answer/pieces.h"
#include "base/gzip.h"
#include "t/unit/tap.h"

static struct arena *a;
static struct err err;

static struct answer an_answer(void)
{
    struct answer ans = {.state = STR_LIT("state"),
                         .front = STR_LIT("\"user_id\":\"u\""),
                         .next = STR_LIT("abc")};
    struct gzip_sum sum;
    struct buf deflate;

    struct pieces *plain = pieces_new("/tmp", a), *gzip = pieces_new("/tmp", a);

    buf_init(&deflate, 100000);
    gzip_fragment(STR_LIT("{\"trip_id\":1}"), 6, &deflate, &sum);
    gzip_sum_add(&ans.sum, &sum);
    CHECK(pieces_put(plain, STR_LIT("{\"trip_id\":1}"), &err) == ST_OK);
    CHECK(pieces_put(gzip, buf_str(&deflate), &err) == ST_OK);
    ans.plain = pieces_list(plain);
    ans.gzip = pieces_list(gzip);
    buf_free(&deflate);
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

/* The text that the body stands for, without the time. */
static struct str text_of(const struct variant *v, const struct answer *ans)
{
    struct body b = body_make(v, ans, a);
    struct buf bytes, text;
    struct str out;
    const char *time;

    buf_init(&bytes, 100000);
    buf_init(&text, 100000);
    CHECK(body_each(&b, append, &bytes, &err) == ST_OK);
    CHECK(bytes.n == body_length(&b));
    if (v->coding == CODING_GZIP)
        CHECK(gzip_unpack(buf_str(&bytes), &text, &err) == ST_OK);
    else
        buf_put(&text, buf_str(&bytes));
    buf_putc(&text, '\0');
    time = strstr(text.p, "\"analysis_timestamp\":\"");
    CHECK(time);
    out = arena_printf(a, "%.*s%s", (int)(time - text.p), text.p,
                       strchr(time, ',') + 1);
    buf_free(&text);
    buf_free(&bytes);
    return out;
}

static void texts(void)
{
    static const struct {
        struct view view;
        const char *want;
    } cases[] = {
        {{.limit = 0},
         "{\"searched_by\":\"e\",\"user_id\":\"u\",\"trips\":[{\"trip_id\":1}]"
         "}"},
        {{.summary = true}, "{\"searched_by\":\"e\",\"user_id\":\"u\"}"},
        {{.limit = 1},
         "{\"searched_by\":\"e\",\"user_id\":\"u\",\"trips\":[{\"trip_id\":1}],"
         "\"next_before\":\"abc\"}"},
    };
    struct answer ans = an_answer();

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int c = CODING_PLAIN; c <= CODING_GZIP; c++) {
            struct variant v = variant("e", (enum coding)c, cases[i].view);

            CHECK(str_is(text_of(&v, &ans), cases[i].want));
        }
}

static void names(void)
{
    struct view all = {.limit = 0}, some = {.limit = 5};
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
    names();
    entries();
    arena_free(&a);
    return tap_end();
}

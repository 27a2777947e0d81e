/* Tables by name: what is known, what is kept, what is lacking. */
#include "base/rows.h"

#include "base/isotime.h"
#include "t/unit/tap.h"

struct thing {
    struct str name;
    char tag[4];
    int64_t count;
    double size;
    bool good;
};

#define C(name, kind, member) COLUMN(struct thing, name, kind, member)

static const struct column columns[] = {
    C("name", CELL_TEXT, name),    C("tag", CELL_CHARS, tag),
    C("count", CELL_WHOLE, count), C("size", CELL_REAL, size),
    C("good", CELL_FLAG, good),
};
enum { NAME, TAG, COUNT, SIZE, GOOD };
static const struct rows known = ROWS_OF(columns);

#define ALL "[\"name\",\"tag\",\"count\",\"size\",\"good\"]"

static struct arena *a;
static struct err err;

static struct json json(const char *text)
{
    struct json v = JSON_ABSENT;

    if (json_check(str_of(text), JSON_DEPTH, &v, &err) != ST_OK)
        CHECK(!"the test's own JSON");
    return v;
}

static struct rows table(const char *names)
{
    struct rows t = {.n = 0};

    CHECK(rows_open(json(names), &known, a, &t));
    return t;
}

static bool read(const struct rows *t, const char *line, struct thing *out,
                 struct row_rest *rest)
{
    *out = (struct thing){.count = -1, .size = -1};
    return rows_read(t, json(line), a, out, rest);
}

/* `"columns":[...],"rows":[row]` */
static struct str printed(const struct rows *t, const struct thing *row,
                          const struct row_rest *rest)
{
    struct buf b;
    struct json_out o = {.b = &b};
    struct str text;

    buf_init(&b, 4096);
    rows_put_columns(t, &o);
    json_begin_array(&o, "rows");
    rows_put_row(t, row, rest, &o);
    json_end_array(&o);
    text = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return text;
}

static void the_same(void)
{
    struct rows t = table(ALL);
    struct row_rest rest;
    struct thing v;

    CHECK(t.same && !t.others);
    CHECK(read(&t, "[\"n\",\"abc\",7,1.5,true]", &v, &rest) && !rest.gaps);
    CHECK(str_is(v.name, "n") && strcmp(v.tag, "abc") == 0 && v.count == 7 &&
          v.size == 1.5 && v.good);
    CHECK(str_is(printed(&known, &v, NULL),
                 "\"columns\":" ALL ",\"rows\":[[\"n\",\"abc\",7,1.5,true]]"));
    CHECK(read(&t, "[\"n\",\"\",0,1,false]", &v, &rest) && !rest.gaps);
    CHECK(v.count == 0 && v.size == 1.0 && !v.good && !v.tag[0]);
    CHECK(str_is(printed(&known, &v, &rest),
                 "\"columns\":" ALL ",\"rows\":[[\"n\",\"\",0,1.0,false]]"));
}

static void wrong_rows(void)
{
    static const char *const lines[] = {
        "[\"n\",\"abc\",7,1.5]",
        "[\"n\",\"abc\",7,1.5,true,1]",
        "[7,\"abc\",7,1.5,true]",
        "[\"n\",\"abcd\",7,1.5,true]",
        "[\"n\",\"abc\",7.5,1.5,true]",
        "[\"n\",\"abc\",\"7\",1.5,true]",
        "[\"n\",\"abc\",7,\"1.5\",true]",
        "[\"n\",\"abc\",7,1.5,1]",
        "{\"a\":\"n\",\"b\":\"abc\",\"c\":7,\"d\":1.5,\"e\":true}",
        "[]",
        "null"};
    struct rows t = table(ALL);
    struct row_rest rest;
    struct thing v;

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        CHECK(!read(&t, lines[i], &v, &rest));
}

/* Whether a table with so many columns, none of ours, can be read. */
static bool readable(size_t others)
{
    struct buf many;
    struct rows t;
    bool ok;

    buf_init(&many, 4096);
    for (size_t i = 0; i < others; i++)
        buf_printf(&many, "%s\"c%zu\"", i ? "," : "[", i);
    buf_putz(&many, "]");
    buf_putc(&many, '\0');
    ok = rows_open(json(many.p), &known, a, &t);
    buf_free(&many);
    return ok;
}

static void wrong_columns(void)
{
    static const char *const names[] = {
        "[\"name\",\"name\"]", "[\"x\",\"name\",\"x\"]", "[\"name\",7]",
        "{\"name\":\"tag\"}", "null"};
    struct rows t;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK(!rows_open(json(names[i]), &known, a, &t));
    CHECK(!readable(ROWS_COLUMNS_MAX + 1));
    /* What is written of it has ours, too. */
    CHECK(!readable(ROWS_COLUMNS_MAX - known.n + 1));
    CHECK(readable(ROWS_COLUMNS_MAX - known.n));
}

/* A later version's table, in an order of its own. */
static void others_are_kept(void)
{
    struct rows t = table("[\"later\",\"good\",\"name\",\"tag\",\"size\","
                          "\"count\",\"even_later\"]");
    struct row_rest rest;
    struct thing v;

    CHECK(!t.same && t.others == 2);
    CHECK(read(&t, "[{\"x\":[1]},true,\"n\",\"abc\",1.5,7,null]", &v, &rest));
    CHECK(!rest.gaps && v.good && v.count == 7 && v.size == 1.5);
    CHECK(str_is(printed(&t, &v, &rest),
                 "\"columns\":[\"name\",\"tag\",\"count\",\"size\",\"good\","
                 "\"later\",\"even_later\"],"
                 "\"rows\":[[\"n\",\"abc\",7,1.5,true,{\"x\":[1]},null]]"));
}

static void what_is_lacking_is_told(void)
{
    struct rows t = table("[\"name\",\"tag\",\"count\",\"good\"]");
    struct row_rest rest;
    struct thing v;

    CHECK(!t.same && !t.others);
    CHECK(read(&t, "[\"n\",\"abc\",7,null]", &v, &rest) && rest.gaps == 2);
    CHECK(row_lacks(&rest, SIZE) && row_lacks(&rest, GOOD));
    CHECK(!row_lacks(&rest, NAME) && !row_lacks(&rest, TAG) &&
          !row_lacks(&rest, COUNT));
    CHECK(v.size == -1 && v.count == 7);
    CHECK(str_is(printed(&t, &v, &rest),
                 "\"columns\":" ALL ",\"rows\":[[\"n\",\"abc\",7,null,null]]"));
}

/* Of a time null is a value; what it lacks is false. */
static void times(void)
{
    static const struct column when[] = {C("when", CELL_TIME, count)};
    static const struct rows one = ROWS_OF(when);
    struct row_rest rest;
    struct thing v;
    struct rows t;

    CHECK(rows_open(json("[\"when\"]"), &one, a, &t) && t.same);
    CHECK(read(&t, "[null]", &v, &rest) && !rest.gaps && v.count == TIME_NONE);
    CHECK(str_is(printed(&one, &v, &rest),
                 "\"columns\":[\"when\"],\"rows\":[[null]]"));
    CHECK(read(&t, "[5]", &v, &rest) && !rest.gaps && v.count == 5);
    CHECK(read(&t, "[false]", &v, &rest) && rest.gaps == 1);
    CHECK(str_is(printed(&one, &v, &rest),
                 "\"columns\":[\"when\"],\"rows\":[[false]]"));
    CHECK(!read(&t, "[true]", &v, &rest));
    /* The last moment of 9999, which is beyond 2^53, and the first of 1. */
    CHECK(read(&t, "[253402300799999999]", &v, &rest) &&
          v.count == 253402300799999999);
    CHECK(read(&t, "[-62135596800000000]", &v, &rest) &&
          v.count == -62135596800000000);
    CHECK(!read(&t, "[253402300800000000]", &v, &rest));
    CHECK(!read(&t, "[-62135596800000001]", &v, &rest));
    CHECK(!read(&t, "[1e18]", &v, &rest) && !read(&t, "[1.5]", &v, &rest));
}

int main(void)
{
    a = arena_new(4096);
    the_same();
    wrong_rows();
    wrong_columns();
    others_are_kept();
    what_is_lacking_is_told();
    times();
    arena_free(&a);
    return tap_end();
}

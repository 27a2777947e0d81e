/* Sets of fields: nothing is nothing, all is more than every name. */
#include "base/fields.h"
#include "t/unit/tap.h"

#define N 100 /* more than one word */

static const char *const few_names[] = {"a", "b", "c"};
static const struct field_table few = {few_names, 3};

static char many_text[N][8];
static const char *many_names[N];
static struct field_table many = {many_names, N};

static struct fields only(unsigned i)
{
    struct fields set = fields_none();

    if (!fields_add(&set, &many, str_of(many_names[i])))
        tap_ok(false, "the table has field %u", i);
    return set;
}

static void sets(void)
{
    struct fields none = fields_none(), all = fields_all(), named = none;

    CHECK(fields_is_empty(none) && !fields_is_all(none));
    CHECK(!fields_is_empty(all) && fields_is_all(all));
    for (unsigned i = 0; i < N; i++) {
        struct fields one = only(i);

        CHECK(!fields_is_empty(one) && !fields_is_all(one));
        CHECK(!fields_has(none, i) && fields_has(all, i));
        for (unsigned k = 0; k < N; k++)
            if (fields_has(one, k) != (i == k))
                tap_ok(false, "field %u in a set of %u alone", k, i);
        CHECK(!fields_has(named, i));
        CHECK(fields_add(&named, &many, str_of(many_names[i])));
        CHECK(fields_has(named, i));
        CHECK(fields_equal(fields_and(named, one), one));
        CHECK(fields_equal(fields_and(all, one), one));
        CHECK(fields_is_empty(fields_and(none, one)));
        if (i)
            CHECK(fields_is_empty(fields_and(only(i - 1), one)));
    }
    CHECK(fields_is_open(all) && !fields_is_open(none));
    CHECK(!fields_is_open(named) && fields_is_open(fields_less(all, named)));
    CHECK(!fields_is_all(fields_less(all, only(3))));
    CHECK(!fields_has(fields_less(all, only(3)), 3));
    CHECK(fields_equal(fields_less(named, none), named));
    /* Each name is not everything: what has none is not in it. */
    CHECK(!fields_is_all(named));
    CHECK(fields_is_all(fields_and(all, all)));
    CHECK(fields_equal(fields_and(all, named), named));
}

static void names(void)
{
    struct fields set = only(70), before = set;

    CHECK(!fields_add(&set, &many, STR_LIT("f7x")));
    CHECK(!fields_add(&set, &many, STR_LIT("f")));
    CHECK(!fields_add(&set, &many, STR_NONE));
    CHECK(!fields_add(&set, &few, STR_LIT("d")));
    CHECK(fields_equal(set, before));
    CHECK(fields_add(&set, &many, STR_LIT("f70")));
    CHECK(fields_equal(set, before)); /* once more is the same */
}

static struct str text(struct fields set)
{
    static char space[4][FIELDS_TEXT_MAX];
    static int i;

    return fields_text(set, space[i++ % 4]);
}

static void texts(void)
{
    struct fields up = fields_none(), down = fields_none();

    CHECK(str_is(text(fields_all()), "*") && str_is(text(fields_none()), "-"));
    for (unsigned i = 0; i < N; i++) {
        CHECK(text(only(i)).n == FIELDS_TEXT_MAX);
        for (unsigned k = 0; k < i; k++)
            if (str_eq(text(only(i)), text(only(k))))
                tap_ok(false, "fields %u and %u have one text", i, k);
        fields_add(&up, &many, str_of(many_names[i]));
        fields_add(&down, &many, str_of(many_names[N - 1 - i]));
        CHECK(str_eq(text(up), text(down)) == fields_equal(up, down));
    }
    CHECK(str_eq(text(up), text(down)));
    CHECK(!str_eq(text(up), text(fields_all())));
}

static bool put_is(struct fields set, const struct field_table *t,
                   const char *object, const char *want)
{
    struct json root;
    struct buf out;
    bool same;

    buf_init(&out, 1000);
    if (json_check(str_of(object), 5, &root, NULL) != ST_OK)
        return false;
    fields_put(set, t, root, &out);
    same = str_is(buf_str(&out), want);
    buf_free(&out);
    return same;
}

static void objects(void)
{
    static const char object[] = "{ \"b\": 3,\"x\":[1,{\"a\":2}], "
                                 "\"a\":\"t\\\"1\", \"c\" :null}";
    struct fields a = fields_none(), ab, abc;

    CHECK(fields_add(&a, &few, STR_LIT("a")));
    ab = a;
    CHECK(fields_add(&ab, &few, STR_LIT("b")));
    abc = ab;
    CHECK(fields_add(&abc, &few, STR_LIT("c")));
    CHECK(put_is(a, &few, object, "{\"a\":\"t\\\"1\"}"));
    CHECK(put_is(ab, &few, object, "{\"b\":3,\"a\":\"t\\\"1\"}"));
    CHECK(put_is(abc, &few, object, "{\"b\":3,\"a\":\"t\\\"1\",\"c\":null}"));
    CHECK(put_is(fields_none(), &few, object, "{}"));
    CHECK(put_is(fields_all(), &few, object,
                 "{\"b\":3,\"x\":[1,{\"a\":2}],\"a\":\"t\\\"1\",\"c\":null}"));
    CHECK(put_is(abc, &few, "{}", "{}"));
    CHECK(put_is(a, &few, "{\"b\":1}", "{}"));
    CHECK(put_is(a, &few, "{\"\\u0061\":1}", "{}")); /* it fails closed */
    abc = fields_less(fields_all(), ab); /* what no table names stays */
    CHECK(put_is(abc, &few, object, "{\"x\":[1,{\"a\":2}],\"c\":null}"));
    CHECK(put_is(abc, &few, "{\"\\u0061\":1,\"\\u0078\":1}", "{}"));
    CHECK(put_is(fields_less(ab, a), &few, object, "{\"b\":3}"));
    CHECK(put_is(only(99), &many, "{\"f98\":1,\"f99\":2}", "{\"f99\":2}"));
}

int main(void)
{
    for (int i = 0; i < N; i++) {
        snprintf(many_text[i], sizeof many_text[i], "f%d", i);
        many_names[i] = many_text[i];
    }
    sets();
    names();
    texts();
    objects();
    return tap_end();
}

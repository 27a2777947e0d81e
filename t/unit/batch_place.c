/* Which points are the same, and where a batch goes whose number is taken. */
#include "store/batch_place.h"
#include "t/unit/tap.h"

static struct arena *arena;

static struct place place(const char *ours, const struct batch_here *here,
                          size_t n)
{
    struct batch b = {.number = 7, .deltas = str_of(ours)};

    return batch_place(&b, here, n, arena);
}

static bool goes(struct place p, enum placing how, int64_t number)
{
    return p.how == how && p.number == number;
}

/* What becomes of a batch whose number has another one. */
static enum placing beside_one(const char *ours, const char *stored)
{
    const struct batch_here here = {7, str_of(stored)};

    return place(ours, &here, 1).how;
}

static bool same(const char *a, const char *b)
{
    char x[300], y[300];

    snprintf(x, sizeof x, "[%s]", a);
    snprintf(y, sizeof y, "[%s]", b);
    return beside_one(x, y) == PLACE_HELD && beside_one(y, x) == PLACE_HELD;
}

static bool other(const char *a, const char *b)
{
    char x[300], y[300];

    snprintf(x, sizeof x, "[%s]", a);
    snprintf(y, sizeof y, "[%s]", b);
    return beside_one(x, y) == PLACE_NEW && beside_one(y, x) == PLACE_NEW;
}

static void points(void)
{
    CHECK(same("{\"a\":1.50,\"b\":\"x\"}",
               "{ \"b\" : \"\\u0078\", \"a\":15e-1}"));
    CHECK(same("{\"a\":0}", "{\"a\":-0.0}"));
    CHECK(same("{\"a\":100}", "{\"a\":1E+2}"));
    CHECK(same("{\"a\":1,\"b\":null}", "{\"a\":1}"));
    CHECK(same("{\"a\":true,\"b\":false}", "{\"a\":0,\"b\":0.0}"));
    CHECK(same("{\"a\":{\"b\":[1,{\"c\":2}]}}",
               "{\"a\":{\"b\":[1,{\"c\":2.0}]}}"));
    CHECK(same("{}", "{\"a\":null}"));
    CHECK(other("{\"a\":1}", "{\"a\":2}"));
    CHECK(other("{\"a\":1}", "{\"a\":\"1\"}"));
    CHECK(other("{\"a\":1}", "{\"b\":1}"));
    CHECK(other("{\"a\":true}", "{\"a\":1}"));
    CHECK(other("{\"a\":\"b\",\"c\":\"\"}", "{\"a\":\"\",\"c\":\"b\"}"));
    CHECK(other("[1,null]", "[null,1]"));
    CHECK(other("{\"a\":1}", "[\"a\",1]"));
    CHECK(other("\"1:x\"", "\"x\""));
    /* What differs by less than a double knows is one number. */
    CHECK(same("{\"a\":0.1}", "{\"a\":0.1000000000000000000001}"));
    CHECK(other("{\"a\":0.1}", "{\"a\":0.10000000000000002}"));
}

static void multisets(void)
{
    CHECK(beside_one("[1,2]", "[2,1]") == PLACE_HELD);
    CHECK(beside_one("[1]", "[1,1]") == PLACE_HELD);
    CHECK(beside_one("[1,1]", "[1]") == PLACE_REPLACES);
    CHECK(beside_one("[1,1,2]", "[1,2,2]") == PLACE_NEW);
    CHECK(beside_one("[1,2,3]", "[3,1]") == PLACE_REPLACES);
    CHECK(beside_one("[1,2]", "[]") == PLACE_REPLACES);
}

static void places(void)
{
    const struct batch_here here[] = {{7, STR_LIT("[1,2]")},
                                      {100007, STR_LIT("[3,4]")},
                                      {300007, STR_LIT("[5]")}};
    const struct batch_here spoilt[] = {{7, STR_LIT("[1]")},
                                        {100007, STR_LIT("[{")}};
    const struct batch_here object = {7, STR_LIT("{\"a\":1}")};

    CHECK(goes(place("[9]", NULL, 0), PLACE_NEW, 7));
    CHECK(goes(place("[9]", here + 1, 2), PLACE_NEW, 7));
    CHECK(goes(place("[9]", here, 1), PLACE_NEW, 100007));
    CHECK(goes(place("[9]", here, 2), PLACE_NEW, 200007));
    CHECK(goes(place("[9]", here, 3), PLACE_NEW, 200007)); /* the first free */
    CHECK(goes(place("[2,3,5]", here, 3), PLACE_HELD, 7)); /* of all together */
    CHECK(goes(place("[2,3,3]", here, 3), PLACE_NEW, 200007));
    CHECK(goes(place("[4,3,9]", here, 3), PLACE_REPLACES, 100007));
    CHECK(place("[4,3,9]", here, 3).at == 1);
    CHECK(goes(place("[4,3,9,1,2]", here, 3), PLACE_REPLACES, 7));
    CHECK(goes(place("[9]", spoilt, 2), PLACE_REPLACES, 100007));
    CHECK(goes(place("[9]", &object, 1), PLACE_REPLACES, 7));
}

static void numbers(void)
{
    CHECK(batch_number_beside(1, 1) == 100001);
    CHECK(batch_number_beside(100000, 2) == 300000);
    CHECK(!batch_is_beside(100000) && batch_is_beside(100001));
    CHECK(batch_client_number(100000) == 100000);
    CHECK(batch_client_number(300000) == 100000);
    CHECK(batch_client_number(100001) == 1);
    CHECK(batch_client_number(200007) == 7 && batch_client_number(7) == 7);
    CHECK(str_is(batch_id_of(STR_LIT("T"), 100007, arena), "T_batch_100007"));
}

int main(void)
{
    arena = arena_new(0);
    points();
    multisets();
    places();
    numbers();
    arena_free(&arena);
    return tap_end();
}

#include "answer/query.h"
#include "t/unit/tap.h"

static void values(struct arena *a)
{
    struct query q;
    struct err err = ERR_NONE;

    CHECK(query_parse(STR_LIT("email=a%2Bb%40c.de&x&&y=1+2"), a, &q, &err) ==
          ST_OK);
    CHECK(q.n == 3);
    CHECK(str_is(query_find(&q, "email")->value, "a+b@c.de"));
    CHECK(str_is(query_find(&q, "y")->value, "1 2"));
    CHECK(query_find(&q, "x")->value.n == 0 && !query_find(&q, "z"));
    CHECK(query_parse(STR_NONE, a, &q, &err) == ST_OK && q.n == 0);
    CHECK(query_parse(STR_LIT("a=b=c&d=="), a, &q, &err) == ST_OK && q.n == 2);
    CHECK(str_is(query_find(&q, "a")->value, "b=c"));
    CHECK(str_is(query_find(&q, "d")->value, "="));
}

static void refused(struct arena *a)
{
    static const char *const bad[] = {"a=%",     "a=%4",      "a=%zz", "%00=1",
                                      "a=1&a=2", "a=1&%61=2", "a&a"};
    struct query q;
    struct err err = ERR_NONE;
    char many[400] = "";

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(query_parse(str_of(bad[i]), a, &q, &err) == ST_BAD_REQUEST);
    for (int i = 0; i < QUERY_PARAMS_MAX; i++)
        sprintf(many + strlen(many), "p%d=1&", i);
    CHECK(query_parse(str_of(many), a, &q, &err) == ST_OK &&
          q.n == QUERY_PARAMS_MAX);
    strcat(many, "one=1");
    CHECK(query_parse(str_of(many), a, &q, &err) == ST_BAD_REQUEST);
}

int main(void)
{
    struct arena *a = arena_new(4096);

    values(a);
    refused(a);
    arena_free(&a);
    return tap_end();
}

/*
 * query.c - any bytes as a query string, and as the headers by which a reader
 * says what it takes: names are unique, the same parameters written otherwise
 * mean the same view, and a view's cursor leads to behind itself.
 */
#include "answer/query.h"

#include <assert.h>
#include "answer/negotiate.h"
#include "answer/view.h"
#include "t/fuzz/fuzz.h"

const struct fuzz_text fuzz_seeds[] = {
    FUZZ("email=avery.driver%40example.com&limit=20&fields=trip_id,revision"),
    FUZZ("user_id=u-1&before=312f74&limit=1000"),
    FUZZ("view=summary&user_id=a+b"),
    FUZZ("a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9&j=10&k=11&l=12&m=13&n=14&o=15"),
    FUZZ("gzip;q=0.5, identity;q=0.25, *;q=0, br"),
    FUZZ("W/\"abc\", \"d,e\", *"),
    FUZZ_END,
};
const struct fuzz_text fuzz_words[] = {
    FUZZ("&"),       FUZZ("="),     FUZZ("%"),          FUZZ("%2f"),
    FUZZ("%00"),     FUZZ("+"),     FUZZ("limit="),     FUZZ("before="),
    FUZZ("fields="), FUZZ("view="), FUZZ("summary"),    FUZZ("trip_id"),
    FUZZ(","),       FUZZ("1000"),  FUZZ("2d"),         FUZZ("2f"),
    FUZZ(";q="),     FUZZ("gzip"),  FUZZ("identity"),   FUZZ("W/\""),
    FUZZ("\""),      FUZZ("0.001"), FUZZ("hard_stops"), FUZZ("39"),
    FUZZ_END,
};

static void put_encoded(struct buf *b, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        buf_printf(b, "%%%02X", (unsigned char)s.p[i]);
}

/* The same parameters, each byte of them as a code, in reverse. */
static void check_again(const struct query *q, const struct view *v,
                        enum status st, struct arena *a)
{
    struct query again;
    struct view same;
    struct buf b;

    buf_init(&b, 1 << 20);
    for (size_t i = q->n; i-- > 0;) {
        put_encoded(&b, q->at[i].name);
        buf_putc(&b, '=');
        put_encoded(&b, q->at[i].value);
        buf_putc(&b, '&');
    }
    assert(query_parse(buf_str(&b), a, &again, NULL) == ST_OK);
    assert(again.n == q->n);
    assert(view_parse(&again, true, a, &same, NULL) == st);
    if (st == ST_OK)
        assert(str_eq(view_text(v, a), view_text(&same, a)));
    buf_free(&b);
}

static void check_view(const struct view *v, struct arena *a)
{
    struct summary_row row = {.trip_id = v->trip_id,
                              .figures = {.end_us = v->end_us}};
    struct query q = {.n = 1};
    struct view next;

    assert(v->limit >= 0 && v->limit <= VIEW_LIMIT_MAX);
    assert(!view_whole(v) || !view_paged(v));
    if (!v->after)
        return;
    q.at[0] = (struct query_param){STR_LIT("before"), view_cursor(&row, a)};
    assert(view_parse(&q, true, a, &next, NULL) == ST_OK);
    assert(next.end_us == v->end_us && str_eq(next.trip_id, v->trip_id));
    assert(!view_behind(v, &row));
}

static void check_query(struct str in, struct arena *a)
{
    struct err err = ERR_NONE;
    struct query q;
    struct view v;
    enum status st = query_parse(in, a, &q, &err);

    assert(q.n <= QUERY_PARAMS_MAX);
    if (st != ST_OK) {
        assert(st == ST_BAD_REQUEST && err.st == st);
        return;
    }
    for (size_t i = 0; i < q.n; i++)
        for (size_t k = 0; k < i; k++)
            assert(!str_eq(q.at[i].name, q.at[k].name));
    st = view_parse(&q, true, a, &v, &err);
    assert(st == ST_OK || (st == ST_BAD_REQUEST && err.st == st));
    if (st == ST_OK)
        check_view(&v, a);
    check_again(&q, &v, st, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    struct arena *a = arena_new(4096);
    enum coding coding = coding_accepted(in);

    assert(coding == CODING_PLAIN || coding == CODING_GZIP ||
           coding == CODING_NONE);
    if (etag_listed(in, STR_LIT("\"abc\"")))
        assert(memchr(in.p, '*', in.n) || memmem(in.p, in.n, "\"abc\"", 5));
    check_query(in, a);
    arena_free(&a);
    return 0;
}

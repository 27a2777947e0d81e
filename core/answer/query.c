#include "answer/query.h"

static int query_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool query_decode(struct str in, struct arena *a, struct str *out)
{
    char *to = arena_alloc(a, in.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];

        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high = i + 1 < in.n ? query_hex(in.p[i + 1]) : -1;
            int low = i + 2 < in.n ? query_hex(in.p[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        /* Ids and words go on as C strings in places: "a%00b" must not be "a".
         */
        if (c == '\0')
            return false;
        to[n++] = c;
    }
    *out = (struct str){to, n};
    return true;
}

static enum status query_add(struct str pair, struct arena *a, struct query *q,
                             struct err *err)
{
    const char *eq = memchr(pair.p, '=', pair.n);
    size_t name_n = eq ? (size_t)(eq - pair.p) : pair.n;
    struct str value =
        eq ? (struct str){eq + 1, pair.n - name_n - 1} : STR_NONE;
    struct query_param p;

    if (q->n == QUERY_PARAMS_MAX)
        return err_set(err, ST_BAD_REQUEST, "bad_query",
                       "At most %d query parameters", QUERY_PARAMS_MAX);
    if (!query_decode((struct str){pair.p, name_n}, a, &p.name) ||
        !query_decode(value, a, &p.value))
        return err_set(err, ST_BAD_REQUEST, "bad_query",
                       "The query has a broken percent code");
    /* Neither one counts: another program on the way may have read the other.
     */
    for (size_t i = 0; i < q->n; i++)
        if (str_eq(q->at[i].name, p.name))
            return err_set(err, ST_BAD_REQUEST, "bad_query",
                           "A query parameter is given twice");
    q->at[q->n++] = p;
    return ST_OK;
}

enum status query_parse(struct str text, struct arena *a, struct query *out,
                        struct err *err)
{
    out->n = 0;
    while (text.n) {
        const char *amp = memchr(text.p, '&', text.n);
        size_t n = amp ? (size_t)(amp - text.p) : text.n;
        enum status st =
            n ? query_add((struct str){text.p, n}, a, out, err) : ST_OK;

        if (st != ST_OK)
            return st;
        n += amp != NULL;
        text.p += n;
        text.n -= n;
    }
    return ST_OK;
}

const struct query_param *query_find(const struct query *q, const char *name)
{
    for (size_t i = 0; i < q->n; i++)
        if (str_is(q->at[i].name, name))
            return &q->at[i];
    return NULL;
}

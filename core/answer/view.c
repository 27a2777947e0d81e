#include "answer/view.h"

#include <assert.h>
#include <inttypes.h>
#include "base/digest.h"
#include "store/keys.h"

/* A cursor is END_US/TRIP_ID in hexadecimal: opaque, and safe in a query. */
#define CURSOR_MAX (ID_MAX + 24)

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_read(struct str hex, struct arena *a, struct str *out)
{
    char *p = arena_alloc(a, hex.n / 2 + 1);

    if (hex.n % 2 || hex.n / 2 > CURSOR_MAX)
        return false;
    for (size_t i = 0; i < hex.n; i += 2) {
        int high = hex_value(hex.p[i]), low = hex_value(hex.p[i + 1]);

        if (high < 0 || low < 0)
            return false;
        p[i / 2] = (char)(high << 4 | low);
    }
    *out = (struct str){p, hex.n / 2};
    return true;
}

struct str view_cursor(const struct summary_row *row, struct arena *a)
{
    struct str text = arena_printf(a, "%" PRId64 "/%.*s", row->figures.end_us,
                                   STR_ARG(row->trip_id));
    char *hex = arena_alloc(a, 2 * text.n + 1);

    digest_hex((const unsigned char *)text.p, text.n, hex);
    return (struct str){hex, 2 * text.n};
}

static enum status read_cursor(struct str value, struct arena *a,
                               struct view *out, struct err *err)
{
    struct str text, number;
    const char *slash;

    if (!hex_read(value, a, &text) || !text.n ||
        !(slash = memchr(text.p, '/', text.n)))
        goto bad;
    number = (struct str){text.p, (size_t)(slash - text.p)};
    out->trip_id = (struct str){slash + 1, text.n - number.n - 1};
    if (!str_to_i64(number, &out->end_us) || !id_valid(out->trip_id))
        goto bad;
    out->after = true;
    return ST_OK;
bad:
    return err_set(err, ST_BAD_REQUEST, "bad_cursor",
                   "before must be the next_before of an answer");
}

static enum status read_limit(struct str value, struct view *out,
                              struct err *err)
{
    if (value.n && value.p[0] != '0' && str_to_i64(value, &out->limit) &&
        out->limit > 0 && out->limit <= VIEW_LIMIT_MAX)
        return ST_OK;
    return err_set(err, ST_BAD_REQUEST, "bad_limit",
                   "limit must be a whole number from 1 to %d", VIEW_LIMIT_MAX);
}

static enum status read_fields(struct str value, struct view *out,
                               struct err *err)
{
    struct fields asked = fields_none();

    do {
        const char *comma = value.n ? memchr(value.p, ',', value.n) : NULL;
        struct str name = {value.p,
                           comma ? (size_t)(comma - value.p) : value.n};

        if (!fields_add(&asked, &analysis_fields, name))
            return err_set(err, ST_BAD_REQUEST, "bad_field",
                           "fields must be names of a trip's members, with "
                           "commas between them");
        value.p += name.n + (comma != NULL);
        value.n -= name.n;
        if (!comma)
            break;
        value.n--;
    } while (true);
    out->trips = asked;
    return ST_OK;
}

enum status view_parse(const struct query *q, bool details, struct arena *a,
                       struct view *out, struct err *err)
{
    const struct query_param *p;
    enum status st = ST_OK;

    *out = (struct view){.front = fields_all(), .trips = fields_all()};
    if (!details)
        out->trips = fields_less(out->trips, analysis_details());
    if ((p = query_find(q, "view"))) {
        if (!str_is(p->value, "summary"))
            return err_set(err, ST_BAD_REQUEST, "bad_view",
                           "view must be summary, or be left out");
        out->summary = true;
    }
    if ((p = query_find(q, "limit")))
        st = read_limit(p->value, out, err);
    if (st == ST_OK && (p = query_find(q, "before")))
        st = read_cursor(p->value, a, out, err);
    if (st == ST_OK && (p = query_find(q, "fields")))
        st = read_fields(p->value, out, err);
    /* Else one answer had a name, an entry and a file for each of them. */
    if (st == ST_OK && out->summary)
        *out = (struct view){.summary = true, .front = out->front};
    return st;
}

bool view_whole(const struct view *v)
{
    return !v->summary && !view_paged(v) && fields_is_open(v->trips);
}

bool view_chosen(const struct view *v)
{
    return !v->summary && !view_whole(v);
}

bool view_paged(const struct view *v)
{
    return v->limit || v->after;
}

bool view_behind(const struct view *v, const struct summary_row *row)
{
    if (!v->after)
        return true;
    /* In the roster's order; without the trip id, trips of one end time that a
     * page does not hold would be passed over. */
    if (row->figures.end_us != v->end_us)
        return row->figures.end_us < v->end_us;
    return str_cmp(row->trip_id, v->trip_id) > 0;
}

struct str view_text(const struct view *v, struct arena *a)
{
    char space[2][FIELDS_TEXT_MAX];
    struct str front = fields_text(v->front, space[0]);
    struct str trips = fields_text(v->trips, space[1]);

    /* The text of a page does not say it: two views would have one name. */
    assert(!v->summary || !view_paged(v));
    if (!view_paged(v))
        return arena_printf(a, "%s %.*s %.*s", v->summary ? "summary" : "all",
                            STR_ARG(front), STR_ARG(trips));
    return arena_printf(a, "%.*s %.*s %" PRId64 " %d %" PRId64 " %.*s",
                        STR_ARG(front), STR_ARG(trips), v->limit, v->after,
                        v->end_us, STR_ARG(v->trip_id));
}

/*
 * json_check.c - the strict scan that every text from outside goes through.
 *
 * One pass by recursive descent: each check_X takes the place where an X
 * should begin and returns the place behind it, or NULL after fail(). The
 * names of all open objects lie on one stack; when an object closes, its own
 * are the top of it and are compared: few pair by pair, many by a table.
 */
#include "base/json.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/json_number.h"
#include "base/json_text.h"
#include "base/memory.h"

#define FEW_NAMES 16
#define NO_ROWS -2 /* nothing is so deep */

struct name {
    struct str inside; /* without the quotes, as written */
    bool escaped;
    uint64_t mark;     /* equal names have equal marks */
    struct name *next; /* in the chain of its table slot */
};

struct check {
    const char *start, *end;
    struct name *names; /* `room` until that is too small, then the heap */
    size_t n_names, max_names;
    const char *wrong; /* what, and where */
    const char *wrong_at;
    struct json_rows *rows;
    int root_depth; /* of what lies inside a root that may have the rows */
    int row_depth;  /* of what lies inside an object that is a row */
    bool unfit_numbers;
    struct name room[64];
};

static const char *check_value(struct check *c, const char *p, int depth);

static const char *fail(struct check *c, const char *at, const char *what)
{
    c->wrong = what;
    c->wrong_at = at;
    return NULL;
}

static struct json seen(const char *from, const char *behind)
{
    return json_of((struct str){from, (size_t)(behind - from)});
}

/* ---- names ---- */

__extension__ typedef unsigned __int128 wide;
#define PRIME ((UINT64_C(1) << 61) - 1)

/* Not fully reduced, but below 2^61 + 4, and the same for the same input. */
static uint64_t mul_mod(uint64_t a, uint64_t b)
{
    wide x = (wide)a * b;
    uint64_t sum = ((uint64_t)x & PRIME) + (uint64_t)(x >> 61);

    return (sum & PRIME) + (sum >> 61);
}

static uint64_t load_part(const char *p, size_t n)
{
    uint64_t part = 0;

    memcpy(&part, p, n);
    return part;
}

/*
 * The text, seven bytes a coefficient, as a polynomial at a secret random
 * point, modulo 2^61-1: two different texts agree at no more points than they
 * have coefficients, so whatever a body holds, it cannot make names collide.
 */
static uint64_t text_hash(struct str s, uint64_t point)
{
    uint64_t h = s.n;
    size_t i = 0;

    for (; i + 7 <= s.n; i += 7)
        h = mul_mod(h + load_part(s.p + i, 7), point);
    return mul_mod(h + load_part(s.p + i, s.n - i), point);
}

static uint64_t secret_point(void)
{
    static uint64_t point;

    /* Small ones would be poor; there is hardly a chance to draw one. */
    while (point < UINT64_C(1) << 32) {
        if (getrandom(&point, sizeof point, 0) != (ssize_t)sizeof point)
            abort();
        point %= PRIME;
    }
    return point;
}

static uint64_t name_hash(const struct name *name)
{
    uint64_t point = secret_point(), h;
    char *z;

    if (!name->escaped)
        return text_hash(name->inside, point);
    z = malloc(name->inside.n);
    memory_check(z);
    h = text_hash((struct str){z, json_unescape(name->inside, z)}, point);
    free(z);
    return h;
}

static void names_push(struct check *c, struct str inside, bool escaped)
{
    if (c->n_names == c->max_names) {
        bool first = c->names == c->room;
        struct name *more =
            realloc(first ? NULL : c->names, 2 * c->max_names * sizeof *more);

        memory_check(more);
        if (first)
            memcpy(more, c->room, sizeof c->room);
        c->names = more;
        c->max_names *= 2;
    }
    c->names[c->n_names].inside = inside;
    c->names[c->n_names++].escaped = escaped;
}

static bool same_name(const struct name *a, const struct name *b)
{
    if (a->mark != b->mark)
        return false;
    return a->escaped || b->escaped ? json_text_eq(a->inside, b->inside)
                                    : str_eq(a->inside, b->inside);
}

/* Tells most names apart without a look at all of their bytes. */
static uint64_t rough_mark(struct str s)
{
    uint64_t ends =
        s.n ? (uint64_t)(unsigned char)s.p[0] << 8 | (unsigned char)s.p[s.n - 1]
            : 0;

    return (uint64_t)s.n << 16 | ends;
}

/* Among few: a rough mark, or one for all once one is escaped. */
static const struct name *twice_of_few(struct name *v, size_t n)
{
    bool escaped = false;

    for (size_t i = 0; i < n; i++)
        escaped |= v[i].escaped;
    for (size_t i = 0; i < n; i++) {
        v[i].mark = escaped ? 0 : rough_mark(v[i].inside);
        for (size_t j = 0; j < i; j++)
            if (same_name(&v[i], &v[j]))
                return &v[i];
    }
    return NULL;
}

static const struct name *twice_of_many(struct name *v, size_t n)
{
    const struct name *twice = NULL;
    struct name **heads;
    size_t size = 2 * FEW_NAMES;

    while (size < n)
        size *= 2;
    heads = calloc(size, sizeof *heads);
    memory_check(heads);
    for (size_t i = 0; i < n && !twice; i++) {
        struct name **head;

        v[i].mark = name_hash(&v[i]);
        head = &heads[v[i].mark & (size - 1)];
        for (const struct name *o = *head; o && !twice; o = o->next)
            if (same_name(&v[i], o))
                twice = &v[i];
        v[i].next = *head;
        *head = &v[i];
    }
    free(heads);
    return twice;
}

/* The names from `base` on are one object's; takes them off the stack. */
static const char *names_differ(struct check *c, size_t base, const char *p)
{
    struct name *v = c->names + base;
    size_t n = c->n_names - base;
    const struct name *twice =
        n <= FEW_NAMES ? twice_of_few(v, n) : twice_of_many(v, n);

    c->n_names = base;
    if (twice)
        return fail(c, twice->inside.p - 1, "a member is there twice");
    return p;
}

/* ---- strings ---- */

static const char *check_escape(struct check *c, const char *p)
{
    const char *at = p;
    int code;

    p += 2;
    if (p <= c->end && strchr("\"\\/bfnrt", p[-1]) && p[-1])
        return p;
    if (p > c->end || p[-1] != 'u' || (code = json_hex4(p, c->end)) < 0)
        return fail(c, at, "an escape that does not exist");
    p += 4;
    if (code == 0)
        return fail(c, at, "\\u0000 is not allowed");
    if (code < 0xd800 || code > 0xdfff)
        return p;
    if (code <= 0xdbff && c->end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        code = json_hex4(p + 2, c->end);
        if (code >= 0xdc00 && code <= 0xdfff)
            return p + 6;
    }
    return fail(c, at, "half of a surrogate pair");
}

/* What stands in a string and is neither plain nor the quote behind it. */
static const char *check_special(struct check *c, const char *p)
{
    size_t n;

    if (*p == '\\')
        return check_escape(c, p);
    if ((unsigned char)*p < 0x20)
        return fail(c, p, "a control byte in a string");
    n = utf8_length(p, c->end);
    return n ? p + n : fail(c, p, "a byte that is not UTF-8");
}

static const char *check_string(struct check *c, const char *p, bool *escaped)
{
    const char *at = p;

    *escaped = false;
    for (p = json_plain_end(p + 1, c->end); p < c->end && *p != '"';
         p = json_plain_end(p, c->end)) {
        *escaped |= *p == '\\';
        p = check_special(c, p);
        if (!p)
            return NULL;
    }
    if (p == c->end)
        return fail(c, at, "a string without an end");
    return p + 1;
}

/* ---- numbers and words ---- */

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* Behind the whole part: a fraction and an exponent, both optional. */
static const char *check_fraction(struct check *c, const char *p,
                                  bool *exponent)
{
    const char *from;

    if (p < c->end && *p == '.') {
        from = ++p;
        p = skip_digits(p, c->end);
        if (p == from)
            return fail(c, p, "a digit is expected behind the point");
    }
    *exponent = p < c->end && (*p == 'e' || *p == 'E');
    if (*exponent) {
        p++;
        if (p < c->end && (*p == '+' || *p == '-'))
            p++;
        from = p;
        p = skip_digits(p, c->end);
        if (p == from)
            return fail(c, p, "a digit is expected in the exponent");
    }
    return p;
}

static const char *check_number(struct check *c, const char *p)
{
    const char *at = p, *whole = at + (*at == '-');
    size_t digits;
    bool exponent;

    p = skip_digits(whole, c->end);
    digits = (size_t)(p - whole);
    if (digits == 0)
        return fail(c, p, "a digit is expected");
    if (digits > 1 && *whole == '0')
        return fail(c, at, "a number with a leading zero");
    p = check_fraction(c, p, &exponent);
    /* Without an exponent it takes 309 digits to leave a double's range. */
    if (p && (exponent || digits > 308) &&
        !json_number_finite((struct str){at, (size_t)(p - at)}))
        return fail(c, at, "a number that is too large");
    if (p && (exponent || p - at > JSON_MOST_DIGITS)) /* others do fit */
        c->unfit_numbers |= !json_decimal_fits(seen(at, p));
    return p;
}

static const char *check_word(struct check *c, const char *p, struct str word)
{
    if (!str_starts((struct str){p, (size_t)(c->end - p)}, word))
        return fail(c, p, "a value is expected");
    return p + word.n;
}

/* ---- containers ---- */

static inline const char *check_blanks(const struct check *c, const char *p)
{
    while (p < c->end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
        p++;
    return p;
}

static inline bool is_at(const struct check *c, const char *p, char wanted)
{
    return p < c->end && *p == wanted;
}

/* p is at the value, whose elements may be asked for. */
static const char *check_root_member(struct check *c, struct str name,
                                     const char *p, int depth)
{
    const char *from = p;

    if (!is_at(c, p, '[') || !json_text_is(name, str_of(c->rows->in)))
        return check_value(c, p, depth);
    c->row_depth = depth - 2;
    p = check_value(c, p, depth);
    c->row_depth = NO_ROWS;
    if (p)
        c->rows->array = seen(from, p);
    return p;
}

static const char *check_member(struct check *c, const char *p, int depth)
{
    const char *at = p, *behind, *from;
    struct str name;
    bool escaped;

    if (!is_at(c, p, '"'))
        return fail(c, p, "a member's name is expected");
    p = check_string(c, p, &escaped);
    if (!p)
        return NULL;
    name = (struct str){at + 1, (size_t)(p - at) - 2};
    names_push(c, name, escaped);
    behind = p;
    p = check_blanks(c, p);
    if (!is_at(c, p, ':'))
        return fail(c, p, "a colon is expected");
    from = check_blanks(c, p + 1);
    p = depth == c->root_depth ? check_root_member(c, name, from, depth)
                               : check_value(c, from, depth);
    if (p && depth == c->row_depth)
        c->rows->member(c->rows->ctx, seen(at, behind), seen(from, p));
    return p;
}

/* Both: p is behind the opening one; depth is that of what lies inside. */
static const char *check_object(struct check *c, const char *p, int depth)
{
    size_t base = c->n_names;

    p = check_blanks(c, p);
    if (is_at(c, p, '}'))
        return p + 1;
    for (;;) {
        p = check_member(c, p, depth);
        if (!p)
            return NULL;
        p = check_blanks(c, p);
        if (!is_at(c, p, ','))
            break;
        p = check_blanks(c, p + 1);
    }
    if (!is_at(c, p, '}'))
        return fail(c, p, "a comma or } is expected");
    return names_differ(c, base, p + 1);
}

static const char *check_array(struct check *c, const char *p, int depth)
{
    p = check_blanks(c, p);
    if (is_at(c, p, ']'))
        return p + 1;
    for (;;) {
        const char *from = p;

        p = check_value(c, p, depth);
        if (!p)
            return NULL;
        if (depth == c->row_depth + 1)
            c->rows->row(c->rows->ctx, seen(from, p));
        p = check_blanks(c, p);
        if (!is_at(c, p, ','))
            break;
        p = check_blanks(c, p + 1);
    }
    return is_at(c, p, ']') ? p + 1 : fail(c, p, "a comma or ] is expected");
}

/* p is behind blanks; depth: how many containers may still open here. */
static const char *check_value(struct check *c, const char *p, int depth)
{
    bool escaped;

    if (p == c->end)
        return fail(c, p, "the text ends where a value is expected");
    switch (*p) {
    case '{':
    case '[':
        if (depth == 0)
            return fail(c, p, "nesting is too deep");
        return *p == '{' ? check_object(c, p + 1, depth - 1)
                         : check_array(c, p + 1, depth - 1);
    case '"':
        return check_string(c, p, &escaped);
    case 't':
        return check_word(c, p, STR_LIT("true"));
    case 'f':
        return check_word(c, p, STR_LIT("false"));
    case 'n':
        return check_word(c, p, STR_LIT("null"));
    default:
        if (*p != '-' && (*p < '0' || *p > '9'))
            return fail(c, p, "a value is expected");
        return check_number(c, p);
    }
}

static bool check_text(struct check *c, int depth, struct json *root)
{
    const char *from = check_blanks(c, c->start), *p;

    c->root_depth = c->rows && c->rows->in ? depth - 1 : NO_ROWS;
    c->row_depth =
        c->rows && !c->rows->in && is_at(c, from, '[') ? depth - 2 : NO_ROWS;
    p = check_value(c, from, depth);
    if (!p)
        return false;
    *root = seen(from, p);
    p = check_blanks(c, p);
    return p == c->end || fail(c, p, "something follows the value");
}

enum status json_check(struct str text, int depth, struct json *root,
                       struct err *err)
{
    return json_check_rows(text, depth, NULL, root, err);
}

enum status json_check_rows(struct str text, int depth, struct json_rows *rows,
                            struct json *root, struct err *err)
{
    struct check c; /* not cleared as a whole: `room` is large */
    bool ok;

    assert(depth >= 0);
    c.start = text.n ? text.p : "";
    c.end = c.start + text.n;
    c.rows = rows && rows->row ? rows : NULL;
    c.unfit_numbers = false;
    c.names = c.room;
    c.n_names = 0;
    c.max_names = sizeof c.room / sizeof c.room[0];
    ok = check_text(&c, depth, root);
    if (rows)
        rows->unfit_numbers = c.unfit_numbers;
    if (c.names != c.room)
        free(c.names);
    if (ok)
        return ST_OK;
    *root = JSON_ABSENT;
    return err_set(err, ST_BAD_REQUEST, "bad_json", "not JSON: %s (byte %zu)",
                   c.wrong, (size_t)(c.wrong_at - c.start));
}

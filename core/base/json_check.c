/*
 * json_check.c - the strict scan that every text from outside goes through.
 *
 * One pass by recursive descent. The names of the objects that are open lie
 * on one stack; when an object closes, its own names are the top of it and
 * are compared with each other: a few pair by pair, many through a table.
 */
#include "base/json.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/json_number.h"
#include "base/json_text.h"

#define FEW_NAMES 16

struct name {
    struct str inside; /* without the quotes, as written */
    uint64_t hash;     /* of what it means */
    struct name *next; /* in the chain of its table slot */
};

struct check {
    const char *start, *p, *end;
    struct name *names; /* `room` until that is too small, then the heap */
    size_t n_names, max_names;
    uint64_t hash_key;
    const char *wrong; /* what, and where */
    const char *wrong_at;
    struct name room[64];
};

static bool check_value(struct check *c, int depth);

static bool fail(struct check *c, const char *at, const char *what)
{
    c->wrong = what;
    c->wrong_at = at;
    return false;
}

/* ---- names ---- */

__extension__ typedef unsigned __int128 wide;
#define PRIME ((UINT64_C(1) << 61) - 1)

static uint64_t mul_mod(uint64_t a, uint64_t b)
{
    wide x = (wide)a * b;
    uint64_t sum = ((uint64_t)x & PRIME) + (uint64_t)(x >> 61);

    return sum >= PRIME ? sum - PRIME : sum;
}

/*
 * The text, seven bytes a coefficient, as a polynomial at a secret random
 * point, modulo 2^61-1: two different texts agree at no more points than they
 * have coefficients, so whatever a body holds, it cannot make names collide.
 */
static uint64_t text_hash(struct str s, uint64_t key)
{
    uint64_t h = s.n % PRIME, part;
    size_t i = 0;

    if (s.n < 7) {
        for (part = 0; i < s.n; i++)
            part = part << 8 | (unsigned char)s.p[i];
        return mul_mod(h + part, key);
    }
    for (; i + 7 <= s.n; i += 7) {
        part = 0;
        memcpy(&part, s.p + i, 7);
        h = mul_mod(h + part, key);
    }
    /* The rest with some bytes again: the length is in it, so that is fine. */
    part = 0;
    memcpy(&part, s.p + s.n - 7, 7);
    return mul_mod(h + part, key);
}

static uint64_t hash_key(void)
{
    static uint64_t key;

    /* Small ones would be poor points; there is hardly a chance to meet one. */
    while (key < UINT64_C(1) << 32) {
        if (getrandom(&key, sizeof key, 0) != (ssize_t)sizeof key)
            abort();
        key %= PRIME;
    }
    return key;
}

static uint64_t name_hash(struct str inside, uint64_t key)
{
    char space[256], *z = space;
    uint64_t h;

    if (!json_escaped(inside))
        return text_hash(inside, key);
    if (inside.n > sizeof space && !(z = malloc(inside.n)))
        abort();
    h = text_hash((struct str){z, json_unescape(inside, z)}, key);
    if (z != space)
        free(z);
    return h;
}

static void names_push(struct check *c, struct str inside)
{
    if (c->n_names == c->max_names) {
        bool first = c->names == c->room;
        struct name *more =
            realloc(first ? NULL : c->names, 2 * c->max_names * sizeof *more);

        if (!more)
            abort();
        if (first)
            memcpy(more, c->room, sizeof c->room);
        c->names = more;
        c->max_names *= 2;
    }
    c->names[c->n_names++] = (struct name){
        .inside = inside,
        .hash = name_hash(inside, c->hash_key),
    };
}

static bool same_name(const struct name *a, const struct name *b)
{
    return a->hash == b->hash && json_text_eq(a->inside, b->inside);
}

static const struct name *twice_of_few(const struct name *v, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (same_name(&v[i], &v[j]))
                return &v[i];
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
    if (!heads)
        abort();
    for (size_t i = 0; i < n && !twice; i++) {
        struct name **head = &heads[v[i].hash & (size - 1)];

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
static bool names_differ(struct check *c, size_t base)
{
    struct name *v = c->names + base;
    size_t n = c->n_names - base;
    const struct name *twice =
        n <= FEW_NAMES ? twice_of_few(v, n) : twice_of_many(v, n);

    c->n_names = base;
    if (twice)
        return fail(c, twice->inside.p - 1, "a member is there twice");
    return true;
}

/* ---- strings ---- */

/* p is at a backslash; returns what follows the escape, NULL after fail. */
static const char *skip_escape(struct check *c, const char *p)
{
    const char *at = p;
    int code;

    p += 2;
    if (p <= c->end && strchr("\"\\/bfnrt", p[-1]) && p[-1])
        return p;
    if (p > c->end || p[-1] != 'u' || (code = json_hex4(p, c->end)) < 0)
        return fail(c, at, "an escape that does not exist"), NULL;
    p += 4;
    if (code == 0)
        return fail(c, at, "\\u0000 is not allowed"), NULL;
    if (code < 0xd800 || code > 0xdfff)
        return p;
    if (code <= 0xdbff && c->end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        code = json_hex4(p + 2, c->end);
        if (code >= 0xdc00 && code <= 0xdfff)
            return p + 6;
    }
    return fail(c, at, "half of a surrogate pair"), NULL;
}

/* p is at a byte that is not plain; returns what follows, NULL after fail. */
static const char *skip_special(struct check *c, const char *p)
{
    size_t n;

    if (p == c->end)
        return fail(c, c->p, "a string without an end"), NULL;
    if (*p == '\\')
        return skip_escape(c, p);
    if ((unsigned char)*p < 0x20)
        return fail(c, p, "a control byte in a string"), NULL;
    n = utf8_length(p, c->end);
    if (n == 0)
        return fail(c, p, "a byte that is not UTF-8"), NULL;
    return p + n;
}

static inline bool is_plain(char c)
{
    return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

static bool check_string(struct check *c, struct str *inside)
{
    const char *p = c->p + 1, *end = c->end;

    for (;;) {
        while (p < end && is_plain(*p))
            p++;
        if (p < end && *p == '"')
            break;
        p = skip_special(c, p);
        if (!p)
            return false;
    }
    *inside = (struct str){c->p + 1, (size_t)(p - c->p) - 1};
    c->p = p + 1;
    return true;
}

/* ---- numbers and words ---- */

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* Behind the whole part: a fraction and an exponent, both optional. */
static const char *skip_fraction(struct check *c, const char *p, bool *exponent)
{
    const char *from;

    if (p < c->end && *p == '.') {
        from = ++p;
        p = skip_digits(p, c->end);
        if (p == from)
            return fail(c, p, "a digit is expected behind the point"), NULL;
    }
    *exponent = p < c->end && (*p == 'e' || *p == 'E');
    if (*exponent) {
        p++;
        if (p < c->end && (*p == '+' || *p == '-'))
            p++;
        from = p;
        p = skip_digits(p, c->end);
        if (p == from)
            return fail(c, p, "a digit is expected in the exponent"), NULL;
    }
    return p;
}

static bool check_number(struct check *c)
{
    const char *at = c->p, *whole = at + (*at == '-');
    const char *p = skip_digits(whole, c->end);
    size_t digits = (size_t)(p - whole);
    bool exponent;

    if (digits == 0)
        return fail(c, p, "a digit is expected");
    if (digits > 1 && *whole == '0')
        return fail(c, at, "a number with a leading zero");
    p = skip_fraction(c, p, &exponent);
    if (!p)
        return false;
    /* Without an exponent it takes 309 digits to leave a double's range. */
    if ((exponent || digits > 308) &&
        !json_number_finite((struct str){at, (size_t)(p - at)}))
        return fail(c, at, "a number that is too large");
    c->p = p;
    return true;
}

static bool check_word(struct check *c, struct str word)
{
    if (!str_starts((struct str){c->p, (size_t)(c->end - c->p)}, word))
        return fail(c, c->p, "a value is expected");
    c->p += word.n;
    return true;
}

/* ---- containers ---- */

static void skip_blanks(struct check *c)
{
    while (c->p < c->end &&
           (*c->p == ' ' || *c->p == '\n' || *c->p == '\t' || *c->p == '\r'))
        c->p++;
}

static bool take(struct check *c, char wanted)
{
    skip_blanks(c);
    if (c->p == c->end || *c->p != wanted)
        return false;
    c->p++;
    return true;
}

static bool check_member(struct check *c, int depth)
{
    struct str inside;

    skip_blanks(c);
    if (c->p == c->end || *c->p != '"')
        return fail(c, c->p, "a member's name is expected");
    if (!check_string(c, &inside))
        return false;
    names_push(c, inside);
    if (!take(c, ':'))
        return fail(c, c->p, "a colon is expected");
    return check_value(c, depth);
}

static bool check_object(struct check *c, int depth)
{
    size_t base = c->n_names;

    c->p++;
    if (take(c, '}'))
        return true;
    do {
        if (!check_member(c, depth))
            return false;
    } while (take(c, ','));
    if (!take(c, '}'))
        return fail(c, c->p, "a comma or } is expected");
    return names_differ(c, base);
}

static bool check_array(struct check *c, int depth)
{
    c->p++;
    if (take(c, ']'))
        return true;
    do {
        if (!check_value(c, depth))
            return false;
    } while (take(c, ','));
    if (!take(c, ']'))
        return fail(c, c->p, "a comma or ] is expected");
    return true;
}

/* depth: how many containers may still open here. */
static bool check_value(struct check *c, int depth)
{
    struct str inside;

    skip_blanks(c);
    if (c->p == c->end)
        return fail(c, c->p, "the text ends where a value is expected");
    switch (*c->p) {
    case '{':
    case '[':
        if (depth == 0)
            return fail(c, c->p, "nesting is too deep");
        return *c->p == '{' ? check_object(c, depth - 1)
                            : check_array(c, depth - 1);
    case '"':
        return check_string(c, &inside);
    case 't':
        return check_word(c, STR_LIT("true"));
    case 'f':
        return check_word(c, STR_LIT("false"));
    case 'n':
        return check_word(c, STR_LIT("null"));
    default:
        if (*c->p != '-' && (*c->p < '0' || *c->p > '9'))
            return fail(c, c->p, "a value is expected");
        return check_number(c);
    }
}

static bool check_text(struct check *c, int depth, struct json *root)
{
    const char *from;

    skip_blanks(c);
    from = c->p;
    if (!check_value(c, depth))
        return false;
    *root = json_of((struct str){from, (size_t)(c->p - from)});
    skip_blanks(c);
    if (c->p != c->end)
        return fail(c, c->p, "something follows the value");
    return true;
}

enum status json_check(struct str text, int depth, struct json *root,
                       struct err *err)
{
    struct check c; /* not cleared as a whole: `room` is large */
    bool ok;

    assert(depth >= 0);
    c.start = c.p = text.n ? text.p : "";
    c.end = c.start + text.n;
    c.names = c.room;
    c.n_names = 0;
    c.max_names = sizeof c.room / sizeof c.room[0];
    c.hash_key = hash_key();
    ok = check_text(&c, depth, root);
    if (c.names != c.room)
        free(c.names);
    if (ok)
        return ST_OK;
    *root = JSON_ABSENT;
    return err_set(err, ST_BAD_REQUEST, "bad_json", "not JSON: %s (byte %zu)",
                   c.wrong, (size_t)(c.wrong_at - c.start));
}

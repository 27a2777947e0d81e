#include "base/json_text.h"

static bool is_tail(const char *p, unsigned char lo, unsigned char hi)
{
    unsigned char c = (unsigned char)*p;

    return c >= lo && c <= hi;
}

/* By the first byte of a well-formed character. */
static size_t length_of(unsigned char c)
{
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/*
 * Unicode, table 3-7: only the second byte's range depends on the first one,
 * and that is what keeps out overlong forms, surrogates and U+110000.
 */
size_t utf8_length(const char *p, const char *end)
{
    unsigned char c = p < end ? (unsigned char)*p : 0xff;
    unsigned char lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    size_t n = length_of(c);

    if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || (size_t)(end - p) < n)
        return 0;
    if (n > 1 && !is_tail(p + 1, lo, hi))
        return 0;
    for (size_t i = 2; i < n; i++)
        if (!is_tail(p + i, 0x80, 0xbf))
            return 0;
    return n;
}

size_t utf8_put(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

int json_hex4(const char *p, const char *end)
{
    int v = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];

        if (c >= '0' && c <= '9')
            v = v * 16 + (c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            v = v * 16 + ((c | 0x20) - 'a' + 10);
        else
            return -1;
    }
    return v;
}

/* p is behind the backslash and the u; a pair's second half is taken too. */
static size_t unicode_char(const char **p, char out[4])
{
    int code = json_hex4(*p, *p + 4), low;

    *p += 4;
    if (code < 0xd800 || code > 0xdbff)
        return utf8_put((uint32_t)code, out);
    low = json_hex4(*p + 2, *p + 6);
    *p += 6;
    return utf8_put(
        0x10000 + (uint32_t)(((code - 0xd800) << 10) | (low - 0xdc00)), out);
}

size_t json_char(const char **p, char out[4])
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    size_t n;

    if (**p != '\\') {
        n = length_of((unsigned char)**p);
        memcpy(out, *p, n);
        *p += n;
        return n;
    }
    *p += 2;
    if ((*p)[-1] == 'u')
        return unicode_char(p, out);
    out[0] = to[strchr(from, (*p)[-1]) - from];
    return 1;
}

size_t json_unescape(struct str inside, char *out)
{
    const char *p = inside.p, *end = inside.p + inside.n;
    size_t n = 0;

    while (p < end) {
        char one[4];
        size_t len = json_char(&p, one);

        memcpy(out + n, one, len);
        n += len;
    }
    return n;
}

bool json_text_is(struct str inside, struct str plain)
{
    const char *p = inside.p, *end = inside.p + inside.n;

    /* Nearly all that differ do so here: escapes only make a text longer. */
    if (inside.n < plain.n ||
        (plain.n && inside.p[0] != plain.p[0] && inside.p[0] != '\\'))
        return false;
    if (!json_escaped(inside))
        return str_eq(inside, plain);
    while (p < end) {
        char one[4];
        size_t n = json_char(&p, one);

        if (!str_starts(plain, (struct str){one, n}))
            return false;
        plain.p += n;
        plain.n -= n;
    }
    return plain.n == 0;
}

bool json_text_eq(struct str a, struct str b)
{
    const char *p = a.p, *p_end = a.p + a.n;
    const char *q = b.p, *q_end = b.p + b.n;

    while (p < p_end && q < q_end) {
        char one[4], other[4];
        size_t n = json_char(&p, one);

        if (json_char(&q, other) != n || memcmp(one, other, n) != 0)
            return false;
    }
    return p == p_end && q == q_end;
}

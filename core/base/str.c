#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include "base/memory.h"

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;

    if (c)
        return c;
    return a.n < b.n ? -1 : a.n > b.n;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n &&
           (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 ||
            memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.n && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_to_i64(struct str s, int64_t *out)
{
    bool minus = s.n && s.p[0] == '-';
    size_t i = minus;
    int64_t v = 0;

    if (i == s.n)
        return false;
    for (; i < s.n; i++) {
        int digit = s.p[i] - '0';

        if (digit < 0 || digit > 9)
            return false;
        /* Built below zero: the most negative number has no positive twin. */
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_sub_overflow(v, digit, &v))
            return false;
    }
    if (!minus && v == INT64_MIN)
        return false;
    *out = minus ? v : -v;
    return true;
}

bool str_to_double(struct str s, double *out)
{
    char space[64], *z = space, *end;
    double v;
    bool ok;

    s = str_trim(s);
    if (s.n == 0 || memchr(s.p, '\0', s.n))
        return false;
    if (s.n >= sizeof space)
        memory_check(z = malloc(s.n + 1));
    memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    v = strtod(z, &end);
    ok = *end == '\0' && isfinite(v);
    if (z != space)
        free(z);
    if (ok)
        *out = v;
    return ok;
}

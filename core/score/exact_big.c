#include "score/exact_big.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "score/exact.h"

/*
 * A double is a whole number of 2^-1074, its square one of 2^-2148. Squares of
 * numbers below 2^32, 2^32 of them, times 2^32, need 128 bits above the point.
 * 128 more below (GUARD) keep a quotient exact enough to round. 40 words hold
 * all that.
 */
#define WORDS 40
#define UNIT 1074
#define GUARD 128

__extension__ typedef unsigned __int128 u128;

struct big {
    uint64_t w[WORDS]; /* a whole number, least word first */
};

/* A positive number m * 2^e; the lowest bit of m is set if it goes on. */
struct rough {
    uint64_t m;
    int e;
};

/* A double's magnitude, m * 2^e. */
static struct rough split(double x)
{
    int e;
    double f = frexp(fabs(x), &e);
    uint64_t m = (uint64_t)ldexp(f, 53);

    assert(e <= 32);
    if (x == 0)
        return (struct rough){0, -UNIT};
    e -= 53;
    if (e < -UNIT) { /* below the normal numbers: those bits are zero */
        m = e + UNIT > -64 ? m >> (-UNIT - e) : 0;
        e = -UNIT;
    }
    return (struct rough){m, e};
}

static void add_word(struct big *b, uint64_t v, size_t i)
{
    for (; v; i++) {
        assert(i < WORDS);
        v = __builtin_add_overflow(b->w[i], v, &b->w[i]);
    }
}

static void add_shifted(struct big *b, uint64_t v, unsigned shift)
{
    size_t i = shift / 64;
    unsigned s = shift % 64;

    add_word(b, v << s, i);
    if (s)
        add_word(b, v >> (64 - s), i + 1);
}

static void big_add(struct big *b, u128 v, unsigned shift)
{
    add_shifted(b, (uint64_t)v, shift);
    add_shifted(b, (uint64_t)(v >> 64), shift + 64);
}

static int big_cmp(const struct big *a, const struct big *b)
{
    size_t i;

    for (i = WORDS; i-- > 0;)
        if (a->w[i] != b->w[i])
            return a->w[i] < b->w[i] ? -1 : 1;
    return 0;
}

/* a -= b, which is not more */
static void big_sub(struct big *a, const struct big *b)
{
    uint64_t borrow = 0;
    size_t i;

    for (i = 0; i < WORDS; i++) {
        uint64_t w = a->w[i] - b->w[i], less = a->w[i] < b->w[i];

        a->w[i] = w - borrow;
        borrow = less | (w < borrow);
    }
    assert(!borrow);
}

static void big_times(struct big *b, uint64_t by)
{
    u128 carry = 0;
    size_t i;

    for (i = 0; i < WORDS; i++) {
        carry += (u128)b->w[i] * by;
        b->w[i] = (uint64_t)carry;
        carry >>= 64;
    }
    assert(!carry);
}

static void big_square(const struct big *b, struct big *out)
{
    size_t i, j, used = WORDS;

    while (used && !b->w[used - 1])
        used--;
    memset(out, 0, sizeof *out);
    for (i = 0; i < used; i++)
        for (j = 0; j < used; j++)
            big_add(out, (u128)b->w[i] * b->w[j], (unsigned)(i + j) * 64);
}

/* b / by as a multiple of 2^unit */
static struct rough big_divide(struct big b, uint64_t by, int unit)
{
    u128 rest = 0;
    uint64_t m;
    size_t i, top;
    int up;
    bool more;

    for (i = WORDS; i-- > 0;) {
        rest = rest << 64 | b.w[i];
        b.w[i] = (uint64_t)(rest / by);
        rest %= by;
    }
    for (top = WORDS - 1; top > 0 && !b.w[top]; top--)
        ;
    if (!b.w[top])
        return (struct rough){0, 0};
    up = __builtin_clzll(b.w[top]);
    m = b.w[top] << up;
    more = rest != 0;
    if (top && up)
        m |= b.w[top - 1] >> (64 - up);
    if (top)
        more |= (b.w[top - 1] << up) != 0;
    for (i = 0; i + 1 < top; i++)
        more |= b.w[i] != 0;
    return (struct rough){m | more, unit + (int)top * 64 - up};
}

/* The sum's magnitude as a multiple of 2^-(UNIT + guard); true if negative. */
static bool big_sum(const double *x, size_t n, int guard, struct big *out)
{
    struct big minus = {{0}};
    size_t i;

    assert(n <= UINT32_MAX);
    memset(out, 0, sizeof *out);
    for (i = 0; i < n; i++) {
        struct rough r = split(x[i]);

        big_add(x[i] < 0 ? &minus : out, r.m, (unsigned)(r.e + UNIT + guard));
    }
    if (big_cmp(out, &minus) >= 0) {
        big_sub(out, &minus);
        return false;
    }
    big_sub(&minus, out);
    *out = minus;
    return true;
}

double big_mean(const double *x, size_t n)
{
    struct big sum;
    bool negative = big_sum(x, n, GUARD, &sum);
    struct rough q = big_divide(sum, n, -UNIT - GUARD);
    double mean = ldexp((double)q.m, q.e);

    return negative ? -mean : mean;
}

/* n * sum(x^2) - sum(x)^2 as a multiple of 2^-(2 * UNIT + GUARD) */
static void big_spread(const double *x, size_t n, struct big *out)
{
    struct big sum, square;
    size_t i;

    memset(out, 0, sizeof *out);
    for (i = 0; i < n; i++) {
        struct rough r = split(x[i]);

        big_add(out, (u128)r.m * r.m, 2 * (unsigned)(r.e + UNIT) + GUARD);
    }
    big_times(out, n);
    big_sum(x, n, GUARD / 2, &sum);
    big_square(&sum, &square);
    big_sub(out, &square);
}

double big_variance(const double *x, size_t n)
{
    struct big spread;
    struct rough q;

    big_spread(x, n, &spread);
    q = big_divide(spread, (uint64_t)n * (n - 1), -2 * UNIT - GUARD);
    return ldexp((double)q.m, q.e);
}

/* Compares the root of spread / divisor with the middle of s and the next. */
static int cmp_middle(const struct big *spread, uint64_t divisor, double s)
{
    struct rough r = split(s);
    u128 k = 2 * (u128)r.m + 1;
    struct big square = {{0}};

    big_add(&square, k * k, (unsigned)(2 * (r.e - 1 + UNIT) + GUARD));
    big_times(&square, divisor);
    return big_cmp(spread, &square);
}

static bool is_odd(double s)
{
    return split(s).m & 1;
}

double big_deviation(const double *x, size_t n)
{
    uint64_t divisor = (uint64_t)n * (n - 1);
    struct big spread;
    struct rough q;
    double s;
    int c;

    big_spread(x, n, &spread);
    q = big_divide(spread, divisor, -2 * UNIT - GUARD);
    if (q.m == 0)
        return 0;
    /* Within a few units of the root; then step to the nearest. */
    s = ldexp(sqrt(ldexp((double)q.m, q.e & 1)), (q.e - (q.e & 1)) / 2);
    while ((c = cmp_middle(&spread, divisor, s)) > 0 || (!c && is_odd(s)))
        s = nextafter(s, INFINITY);
    while (s > 0 && ((c = cmp_middle(&spread, divisor, nextafter(s, 0))) < 0 ||
                     (!c && is_odd(s))))
        s = nextafter(s, 0);
    return s;
}

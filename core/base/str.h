/* str.h - a view of bytes: pointer and length, not owned, not terminated. */
#ifndef DG_BASE_STR_H
#define DG_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p; /* may be NULL when n is 0 */
    size_t n;
};

/* For printf: printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""
#define STR_LIT(lit) ((struct str){(lit), sizeof(lit) - 1})
#define STR_NONE ((struct str){NULL, 0})

static inline struct str str_of(const char *z)
{
    return (struct str){z, z ? strlen(z) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_is(struct str a, const char *z)
{
    return str_eq(a, str_of(z));
}

int str_cmp(struct str a, struct str b);
/*
    Byte order, shorter first among equal prefixes; for qsort.
 */

bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

struct str str_trim(struct str s);
/*
    Without ASCII white space at both ends.
 */

bool str_to_i64(struct str s, int64_t *out);
/*
    A whole decimal integer with optional '-', nothing else around it, within
    range; false otherwise and *out untouched.
 */

bool str_to_double(struct str s, double *out);
/*
    What strtod reads whole, blanks around it allowed; NaN and infinity are
    refused. Independent of the locale (the programs never call setlocale for
    LC_NUMERIC). Source of the rule: doc/scoring.md, section 1.
 */

#endif

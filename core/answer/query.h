/* query.h - the query string of a GET. */
#ifndef DG_ANSWER_QUERY_H
#define DG_ANSWER_QUERY_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct query_param {
    struct str name, value; /* decoded */
};

#define QUERY_PARAMS_MAX 32 /* each is compared with all before it */

struct query {
    struct query_param at[QUERY_PARAMS_MAX];
    size_t n;
};

enum status query_parse(struct str text, struct arena *a, struct query *out,
                        struct err *err) MUST_CHECK;
/*
    name=value pairs between '&'; `%41` and `+` (a blank) are decoded.
    ST_BAD_REQUEST bad_query: a broken percent code, a NUL, a name twice, too
    many.
 */

const struct query_param *query_find(const struct query *q, const char *name);
/*
    NULL: not given. Given without a value it is there, and empty.
 */

#endif

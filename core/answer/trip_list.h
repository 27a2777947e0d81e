/*
 * trip_list.h - the trips of an answer as bytes: what stands between [ and ].
 *
 * JSON objects with commas between them, in one coding or in both: plain, or
 * as gzip fragments, which are the stored ones (gzip_join.h). Rows know how
 * long the texts are, so the length of a list and the sum of its fragments
 * are known before a text is read.
 */
#ifndef DG_ANSWER_TRIP_LIST_H
#define DG_ANSWER_TRIP_LIST_H

#include "answer/negotiate.h"
#include "base/gzip_join.h"
#include "driver/roster.h"
#include "score/analysis_fields.h"

struct trip_list {
    struct roster *roster;
    size_t from, to; /* trips of the roster */
    struct fields fields;
};

size_t trip_list_length(const struct trip_list *l, enum coding coding);
struct gzip_sum trip_list_sum(const struct trip_list *l);
/*
    Of a list with all fields, as the rows have it.
 */

struct trip_list_out {
    bool plain, gzip; /* what is wanted */
    enum status (*put)(void *ctx, enum coding coding, struct str bytes,
                       struct err *err);
    void *ctx;
    /* Found out on the way: */
    size_t n_trips; /* in the list; unreadable ones are not */
    struct gzip_sum sum;
};

enum status trip_list_put(const struct call *c, const struct trip_list *l,
                          struct trip_list_out *out) MUST_CHECK;
/*
    Puts the whole list, in parts. ST_PRECONDITION: a trip's object is not what
    the roster saw any more.
 */

enum status trip_list_stream(const struct call *c, const struct trip_list *l,
                             enum coding coding, size_t skip,
                             struct trip_list_out *out) MUST_CHECK;
/*
    The same of a list with all fields, whose length was announced already: a
    trip that is not as its row says is ST_PRECONDITION, too. Each window of
    trips has server.request_timeout anew. Passes over the first `skip` bytes of
   the list in the given coding (then that one alone may be wanted).
 */

#endif

/* negotiate.h - what a reader says of codings, and of what it has already. */
#ifndef DG_ANSWER_NEGOTIATE_H
#define DG_ANSWER_NEGOTIATE_H

#include <stdbool.h>
#include "base/str.h"

enum coding { CODING_PLAIN, CODING_GZIP, CODING_NONE };

enum coding coding_accepted(struct str accept_encoding);
/*
    Of identity and gzip the one that the header prefers; gzip when they are
    equal and it is named at all, or by `*`. No header (or an empty one):
    identity. CODING_NONE when both are refused (identity;q=0). Source: RFC
    9110, 12.5.3. A coding whose q is none by 12.4.2 (a number from 0 to 1 with
    three places at most, so 1.5 is none) is passed over as if it did not stand
    there: what a sender of such means is not known, identity every reader can
    read.
 */

bool etag_listed(struct str if_none_match, struct str etag);
/*
    Whether the header names the ETag, compared weakly (W/ counts for nothing),
    or is `*`. etag: with its quotes. Source: RFC 9110, 13.1.2.
 */

#endif

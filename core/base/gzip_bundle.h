/*
 * gzip_bundle.h - one gzip member that can be taken apart again.
 *
 * A front, items, a back: the text is front, the items with a comma between,
 * back, so that zcat shows an array's elements within what stands around it.
 * Items are fragments (gzip_join.h) and lie there as they are. An extra field
 * of the member's header says how long the front's fragment is (RFC 1952,
 * 2.3.1.1: subfield "DG" of 4 bytes, least significant first), and the front
 * tells its reader how long the items are: to get at one, only the front is
 * unpacked.
 */
#ifndef DG_BASE_GZIP_BUNDLE_H
#define DG_BASE_GZIP_BUNDLE_H

#include "base/gzip_join.h"

/* ---- writing ---- */

struct gzip_bundle {
    struct buf *out;
    struct gzip_sum sum; /* of what is in it */
    size_t items;
};

void gzip_bundle_begin(struct gzip_bundle *b, struct buf *out, struct str front,
                       int level);
/*
    Appends head and front, packed with level 1 to 9. Whether everything found
    room, buf_ok(out) says in the end.
 */

void gzip_bundle_item(struct gzip_bundle *b, struct str deflate,
                      const struct gzip_sum *sum);
void gzip_bundle_end(struct gzip_bundle *b, struct str back);

/* ---- reading ---- */

struct gzip_unbundle {
    struct str rest;     /* behind what was taken */
    struct gzip_sum sum; /* of what was taken */
    size_t items;
};

bool gzip_is_bundle(struct str body);
/*
    Whether it begins as one; gzip of others does not.
 */

enum status gzip_unbundle(struct str body, struct buf *front,
                          struct gzip_unbundle *u, struct err *err) MUST_CHECK;
/*
    Appends the front's text, whose maximum bounds a bomb (ST_TOO_LARGE).
    ST_CORRUPT when it is no bundle or cut short within the front. Nothing else
    is unpacked.
 */

bool gzip_unbundle_item(struct gzip_unbundle *u, size_t deflate,
                        const struct gzip_sum *sum, struct str *item);
/*
    The next item, a view of the body, of so many bytes and, says the front, of
    that sum. False when no such item can be there. What is in it was not
    looked at: gzip_fragment_text() does, when the text is needed.
 */

enum status gzip_unbundle_end(struct gzip_unbundle *u, struct str back,
                              struct err *err) MUST_CHECK;
/*
    Behind the last item: ST_CORRUPT unless that back follows and nothing else,
    and what was told of the items agrees with the member's own CRC and length.
 */

#endif

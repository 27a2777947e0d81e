/*
 * gzip_join.h - one gzip member out of many, without compressing again.
 *
 * A fragment is a text as raw deflate blocks, none of them the last, ending on
 * a byte: fragments put one after the other, between gzip_head() and a tail,
 * are one gzip member with all their texts. (Several members in one body are
 * as good by RFC 1952, but several HTTP clients read only the first.)
 */
#ifndef DG_BASE_GZIP_JOIN_H
#define DG_BASE_GZIP_JOIN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct gzip_sum { /* what a member's end has to say of its text */
    uint32_t crc;
    uint64_t length;
};
#define GZIP_SUM_NONE ((struct gzip_sum){0, 0}) /* of no text */

void gzip_sum_add(struct gzip_sum *sum, const struct gzip_sum *next);
/*
    The sum of a text and the one behind it.
 */

struct gzip_sum gzip_sum_of(struct str text);

enum status gzip_split(struct str in, struct buf *text, struct buf *deflate,
                       struct gzip_sum *sum, struct err *err) MUST_CHECK;
/*
    Unpacks as gzip_unpack does, with the same bounds and errors, and appends
    the fragment of the same text to `deflate` meanwhile, 5 bytes larger at most
    than what it is made of. ST_TOO_LARGE also when that is full; on any error
    nothing was appended to either.
 */

void gzip_fragment(struct str text, int level, struct buf *out,
                   struct gzip_sum *sum);
/*
    Appends the fragment of a text. level 0 to 9, 0 stores: for a few bytes.
 */

enum status gzip_fragment_text(struct str deflate, const struct gzip_sum *sum,
                               struct buf *text, struct err *err) MUST_CHECK;
/*
    Appends the text of a fragment. ST_CORRUPT when it is no fragment or not of
    that sum; ST_TOO_LARGE when the text is full; then nothing was appended.
 */

enum status gzip_fragment_open(struct str deflate, struct buf *text,
                               struct gzip_sum *sum,
                               struct err *err) MUST_CHECK;
/*
    The same for a fragment of which nothing is known: appends its text and
    tells its sum. text's maximum bounds a bomb.
 */

#define GZIP_COMMA_SIZE 6
struct str gzip_comma(struct gzip_sum *sum);
/*
    The fragment of ",", which stands between others so often.
 */

#define GZIP_HEAD_SIZE 10
#define GZIP_TAIL_SIZE 10
struct str gzip_head(void);
struct str gzip_tail(const struct gzip_sum *sum, char space[GZIP_TAIL_SIZE]);
/*
    What stands before the first fragment, and behind the last: sum is that of
    all of them. The tail lies in space.
 */

#endif

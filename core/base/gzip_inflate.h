/* gzip_inflate.h - unpacking in steps, for gzip.c and gzip_join.c alone. */
#ifndef DG_BASE_GZIP_INFLATE_H
#define DG_BASE_GZIP_INFLATE_H

#include "base/buf.h"
#include "base/err.h"

struct z_stream_s; /* zlib.h */

enum status gzip_inflate_begin(struct z_stream_s *z, struct str in,
                               const struct buf *out,
                               struct err *err) MUST_CHECK;
/*
    Points a zeroed stream at gzip; inflateEnd it when that was ST_OK.
    ST_TOO_LARGE when out has failed already.
 */

enum status gzip_inflate_step(struct z_stream_s *z, int flush, struct buf *out,
                              size_t start, bool *end,
                              struct err *err) MUST_CHECK;
/*
    One inflate() onto the end of out; *end at the end of a member. On an
    error out is cut back to `start`, and over its maximum it has failed.
 */

#endif

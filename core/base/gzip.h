/* gzip.h - packing and unpacking; with gzip_join.c all that knows zlib. */
#ifndef DG_BASE_GZIP_H
#define DG_BASE_GZIP_H

#include "base/buf.h"
#include "base/err.h"

enum status gzip_pack(struct str in, int level, struct buf *out,
                      struct err *err) MUST_CHECK;
/*
    Appends one gzip member with no name and time 0, so that equal input gives
    equal bytes. level 1-9. ST_TOO_LARGE when out's maximum is hit.
 */

enum status gzip_unpack(struct str in, struct buf *out,
                        struct err *err) MUST_CHECK;
/*
    Appends the content. out's maximum bounds a bomb: ST_TOO_LARGE. ST_CORRUPT
    when it is not gzip, is cut short, has a wrong CRC or bytes after the end.
    On any error out's content is as before. Several members are read one
    after the other, as gzip.decompress does.
 */

#endif

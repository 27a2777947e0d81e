/*
 * pieces.h - the bytes of a trip list, in pieces of at most CACHE_PIECE_MAX.
 *
 * Up to PIECES_IN_MEMORY bytes are held in memory; what comes beyond goes into
 * an unnamed file, so that a worker's memory does not grow with the number of
 * trips, and yet nothing is sent before everything is there.
 */
#ifndef DG_ANSWER_PIECES_H
#define DG_ANSWER_PIECES_H

#include "answer/answer_list.h"
#include "store/cache.h"

#define PIECES_IN_MEMORY ((size_t)8 * 1024 * 1024) /* of each coding */

struct pieces;

struct pieces *pieces_new(const char *folder, struct arena *a);
/*
    folder: where the unnamed file lies when it is needed. Lives until the
    arena is reset.
 */

enum status pieces_put(struct pieces *p, struct str bytes,
                       struct err *err) MUST_CHECK;
/*
    Appends; ST_UNAVAILABLE when the disk is full.
 */

typedef enum status (*piece_source)(void *ctx, int index, size_t size,
                                    char *out, struct err *err);
enum status pieces_fetch(struct pieces *p, const size_t *size, int n,
                         piece_source source, void *ctx,
                         struct err *err) MUST_CHECK;
/*
    Fills an empty list with n pieces of known sizes.
 */

struct answer_list pieces_list(struct pieces *p);
/*
    All that was put, piece after piece; to be taken when nothing more is put.
 */

#endif

/*
 * answer_stream.h - trip lists that are too large to be collected.
 *
 * Their length is known before their bytes are there: from the summary's rows,
 * or from the cache's entry. They are read while they are sent, so a worker
 * holds a window of them, and the answer begins at once. What goes meanwhile
 * cannot be taken back: the answer is cut, and Content-Length tells the client.
 * Every window and piece has server.request_timeout anew, because a slow
 * client is no reason to fail.
 */
#ifndef DG_ANSWER_ANSWER_STREAM_H
#define DG_ANSWER_ANSWER_STREAM_H

#include "answer/answer_cache.h"
#include "answer/trip_list.h"

void answer_stream(const struct call *c, const struct trip_list *l,
                   const struct answer_wish *wish, struct answer *out);
/*
    Sets the lists and their sum. The call must live as long as they do, and the
    roster as long as its arena.
 */

void answer_stream_fill(struct answer *ans, struct answer_filling *f);
/*
    Whoever reads one of the lists to its end also fills the cache's entry.
 */

struct answer_list answer_stream_kept(const struct call *c,
                                      const struct answer_entry *e,
                                      enum coding coding);
/*
    The trips of a driver's entry, piece by piece, as long as the call lives. A
   piece that is gone is replaced from the store, as long as the driver's trips
   are the entry's.
 */

#endif

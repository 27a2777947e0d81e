/*
 * peer.h - a server of the target's own, in a thread, that answers what it is
 * told to: for parsers that sit behind a connection.
 */
#ifndef DG_T_FUZZ_PEER_H
#define DG_T_FUZZ_PEER_H

#include <stdbool.h>
#include "base/str.h"

#define PEER_ANSWERS 4

const char *peer_unix(void);
/*
    Listens on a unix socket, once; its path.
 */
const char *peer_http(void);
/*
    Listens on a port of 127.0.0.1, once; http://127.0.0.1:PORT.
 */

void peer_answers(const struct str *answer, size_t n);
/*
    What is sent for the first, second... piece that comes on each connection
    from now on (a request that is not whole counts as one, too). The connection
    is closed after the n-th, and when nothing comes for some milliseconds: an
    answer that is not whole keeps the client waiting. The texts are copied.
 */

#endif

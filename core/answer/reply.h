/* reply.h - an answer's head, and where its body goes. */
#ifndef DG_ANSWER_REPLY_H
#define DG_ANSWER_REPLY_H

#include <stdbool.h>
#include "base/status.h"
#include "base/str.h"

struct reply {       /* what an answer says of itself, before its body */
    struct str etag; /* with its quotes */
    size_t length;   /* of the body */
    bool gzip;
    bool unchanged;     /* the reader has it: there is no body */
    struct str file;    /* in cache.files, whose bytes are the body; or empty */
    const char *source; /* where it came from: "cache", "file", "store",
                           "stale" */
    int64_t took_us;    /* to find or make it */
    bool stale;         /* the stores could not be reached, */
    int64_t age_ms;     /* and this was right so long ago */
};

/* Where an answer's body goes: see fcgi/respond.h for the one that streams. */
struct sink {
    bool head; /* nothing but what `begin` says is wanted */
    enum status (*begin)(void *ctx, const struct reply *reply);
    enum status (*write)(void *ctx, struct str bytes);
    void *ctx;
};
/*
    begin is called once, when nothing can fail any more but the client (or a
    store in mid-stream, which cuts the answer so that the client sees it);
    then, unless the reply is unchanged or in a file (or `head`), write until
    the length is reached. Both return ST_GONE_CLIENT when the client hung up;
    begin another status, and its err is set, when too much waits to be sent
    already: then nothing was sent.
 */

#endif

/*
 * service.h - what a process has open to serve requests, and what one call has.
 *
 * The use cases (batch.h, finalize.h, analytics.h, ...) take these two, know
 * nothing of FastCGI, and return a status with an err; HTTP numbers are given
 * by fcgi/respond.c.
 */
#ifndef DG_SERVICE_SERVICE_H
#define DG_SERVICE_SERVICE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "service/email_hints.h"
#include "store/stores.h"

struct service {
    struct stores *stores;
    struct email_hints *hints;
    int64_t sweep_due_ms; /* maintenance: when to look for temporaries next */
};

enum status service_open(const struct conf *c, struct service **out,
                         struct err *err) MUST_CHECK;
/*
    Opens the stores (stores.h). After the fork; one owner.
 */
void service_close(struct service **s);

/* What a call leaves for after its answer: work that its client need not wait
 * for, and that another will do if this process dies before. */
#define LATER_MAX 4
typedef void (*later_fn)(void *ctx, struct deadline d);
struct later {
    struct {
        later_fn fn;
        void *ctx;
    } item[LATER_MAX];
    size_t n;
};

struct call {
    struct arena *arena;      /* reset after the answer, and what came later */
    struct deadline deadline; /* of the request */
    struct str request_id;
    struct later *later; /* NULL: nobody waits for an answer */
};

void call_later(const struct call *c, later_fn fn, void *ctx);
/*
    fn(ctx, its own deadline) once the answer has left, or its client; at once,
    with the call's deadline, when there is no `later`. ctx lives in the call's
    arena and has nothing of the request's parameters. At most LATER_MAX a call.
 */
void later_run(struct later *l, struct deadline d);
/*
    In the order in which they came, all by the same deadline; then the list is
    empty.
 */

struct reply {       /* what an answer says of itself, before its body */
    struct str etag; /* with its quotes */
    size_t length;   /* of the body */
    bool gzip;
    bool unchanged;     /* the reader has it: there is no body */
    struct str file;    /* in cache.files, whose bytes are the body; or empty */
    const char *source; /* where it came from: "cache", "file", "store" */
    int64_t took_us;    /* to find or make it */
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
    the length is reached. Both return ST_GONE_CLIENT when the client hung up.
 */

#endif

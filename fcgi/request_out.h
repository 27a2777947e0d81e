/*
 * request_out.h - the answer's way to the web server: FastCGI records.
 *
 * The library writes 8 KB at a time, each with a system call that wakes the web
 * server, and two more records at the end. Here an answer that fits the buffer
 * goes out in one call with its end; larger ones straight from the caller's
 * memory. Source: FastCGI specification 1.0, sections 3.3, 5.3 and 5.5.
 *
 * What the web server does not take at once is kept (unsent.h), and is tried
 * again with whatever comes next: no client's speed holds whoever writes here.
 */
#ifndef DG_FCGI_REQUEST_OUT_H
#define DG_FCGI_REQUEST_OUT_H

#include <stdbool.h>
#include "base/str.h"
#include "fcgi/unsent.h"

/* Small answers are at most 32 KB and their head (KEPT_IN_ENTRY). */
#define REQUEST_OUT_ROOM ((size_t)48 * 1024)

struct request_out {
    int fd;      /* blocking, with a time limit for writes */
    unsigned id; /* of the request on this connection */
    bool gone;   /* nobody takes it any more */
    /* What could not be sent yet; without a folder it is waited for. */
    struct unsent rest;
    int64_t patience_ms; /* when there is no room for the rest */
    size_t n;
    char held[REQUEST_OUT_ROOM];
};

void request_out_open(struct request_out *o, const char *folder);
/*
    Once. folder: for what is not taken at once; NULL: then writing waits as
    long as the connection's time limit says.
 */
void request_out_begin(struct request_out *o, int fd, unsigned id);
/*
    The next answer.
 */
bool request_out_write(struct request_out *o, struct str bytes);
/*
    Of the answer, CGI headers first. False: gone.
 */
bool request_out_end(struct request_out *o);
/*
    What is held, the end of the answer, the end of the request. o->rest is what
    the web server has not got yet.
 */
void request_out_done(struct request_out *o);
/*
    Forgets o->rest: somebody else has it, or nobody wants it. Each answer ends
    with this.
 */

#endif

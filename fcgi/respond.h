/*
 * respond.h - answers: the one place that knows HTTP's numbers and headers.
 *
 * Each of these makes the whole answer of an exchange, once.
 */
#ifndef DG_FCGI_RESPOND_H
#define DG_FCGI_RESPOND_H

#include "answer/reply.h"
#include "fcgi/exchange.h"

void respond_json(struct exchange *x, struct str body);
/*
    200.
 */

void respond_error(struct exchange *x, const struct err *err);
/*
    {"error", "code", "request_id", ...} with the number of err->st. What
    failed inside (5xx) is for the log; the client learns only whether to try
    again. ST_GONE_CLIENT: no answer at all.
 */

void respond_preflight(struct exchange *x);
/*
    To OPTIONS: 204 with the methods of the path.
 */

struct sink respond_sink(struct exchange *x);
/*
    200, streamed, for answers that are not in memory as a whole; or left to the
    web server, as a file; or 304. When less than the announced length was
    written, respond_end cuts the connection.
 */

void respond_out_of_memory(struct exchange *x);
/*
    503, if no answer has begun; takes no memory. The process must end after it.
 */

bool respond_end(struct exchange *x);
/*
    After the answer: sends what is left of it and ends the request. False:
    the client did not get all of it.
 */

#endif

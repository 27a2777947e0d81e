/*
 * routes.h - which call does what: one line in routes.def a route.
 *
 * The life of a request:
 *   worker.c    waits, accepts, reads the parameters (request.c)
 *   routes.c    path and method -> a line of routes.def -> its handler
 *   handler     reads the body (request.c), calls the use case (core/service)
 *   respond.c   number, headers, body; or the use case streams into the sink
 *   worker.c    access line, counters, arena reset
 */
#ifndef DG_FCGI_ROUTES_H
#define DG_FCGI_ROUTES_H

#include "fcgi/exchange.h"

/* Which socket serves a route: the service's, or the monitor's. */
#define AT_SERVICE 1u
#define AT_MONITOR 2u

struct route {
    const char *method, *path;
    enum status (*handler)(struct exchange *x);
    unsigned where;
};
/*
    handler: ST_OK when it answered by itself; any other status is answered
    from the call's err, unless an answer had begun.
 */

void routes_serve(struct exchange *x);
/*
    Answers the exchange, whatever it asks for.
 */

#endif

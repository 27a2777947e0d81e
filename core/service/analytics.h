/* analytics.h - GET /analyze-driver: a driver's aggregate and trips. */
#ifndef DG_SERVICE_ANALYTICS_H
#define DG_SERVICE_ANALYTICS_H

#include "service/service.h"

struct analytics_request {
    struct str query;           /* raw */
    struct str accept_encoding; /* as sent; empty: not */
    struct str if_none_match;
    bool files; /* the web server can send a file of cache.files */
};

enum status analytics_answer(struct service *s, const struct call *c,
                             const struct analytics_request *request,
                             struct sink *out, struct err *err) MUST_CHECK;
/*
    ST_OK: the whole answer went into the sink. ST_BAD_REQUEST, ST_NOT_FOUND,
    ST_NOT_ACCEPTABLE, ST_UNAVAILABLE, ...: nothing was written to the sink
    (begin was not called).
 */

#endif

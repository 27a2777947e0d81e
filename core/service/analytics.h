/* analytics.h - GET /analyze-driver: a driver's aggregate and trips. */
#ifndef DG_SERVICE_ANALYTICS_H
#define DG_SERVICE_ANALYTICS_H

#include "service/service.h"

enum status analytics_answer(struct service *s, const struct call *c,
                             struct str query, struct sink *out,
                             struct err *err) MUST_CHECK;
/*
    query: the raw query string. ST_OK: the whole answer went into the sink.
    ST_BAD_REQUEST, ST_NOT_FOUND, ST_UNAVAILABLE, ...: nothing was written
    to the sink (begin was not called).
 */

#endif

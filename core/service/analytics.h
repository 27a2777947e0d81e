/* analytics.h - GET /analyze-driver: a driver's aggregate and trips. */
#ifndef DG_SERVICE_ANALYTICS_H
#define DG_SERVICE_ANALYTICS_H

#include "answer/reading.h"
#include "answer/reply.h"
#include "service/service.h"

enum status analytics_answer(struct service *s, const struct call *c,
                             const struct reading_request *request,
                             struct sink *out) MUST_CHECK;
/*
    ST_OK: the whole answer went into the sink. ST_BAD_REQUEST, ST_NOT_FOUND,
    ST_NOT_ACCEPTABLE, ST_UNAVAILABLE, ...: nothing was written to the sink
    (begin was not called).
 */

#endif

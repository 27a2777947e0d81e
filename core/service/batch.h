/* batch.h - POST /store-trajectory-batch: check a batch and store it. */
#ifndef DG_SERVICE_BATCH_H
#define DG_SERVICE_BATCH_H

#include "base/buf.h"
#include "driver/call.h"

#define BATCH_MAX_DELTAS 5000
/* Deltas and quality_metrics, compact: an item of DynamoDB has 400 KB. */
#define BATCH_MAX_BYTES 380000

enum status batch_store(const struct call *c, struct str body,
                        struct buf *answer) MUST_CHECK;
/*
    body as received. ST_OK: stored durably, answer is the JSON of
    doc/wire.md. ST_BAD_REQUEST, ST_TOO_LARGE (batch_too_large),
    ST_NOT_OWNER: nothing was changed.
 */

#endif

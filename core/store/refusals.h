/*
 * refusals.h - the last real refusal of each call to S3 and DynamoDB.
 *
 * A try (rights.h) may pass where a real call does not: a policy may look at
 * keys, tags or encryption. So each call that is refused is remembered by its
 * right, for all processes of a host, until a call of that right passes.
 */
#ifndef DG_STORE_REFUSALS_H
#define DG_STORE_REFUSALS_H

#include <stdbool.h>
#include <stdint.h>
#include "store/aws.h"
#include "store/rights.h"

void refusals_share(void);
/*
    Before the forks: from here on all processes have one memory for this.
    Without it each has its own.
 */

void refusals_trying(bool trying);
/*
    What is met from here on in this process is a try, and counts for nothing.
 */

bool refusals_any(void);
/*
    Whether one stands: else a call that passed ends none.
 */

void refusal_note(enum right r, enum status st, const struct aws_reply *reply);
/*
    What a call of that right came to, in the service's own words.
 */

struct refusal {
    int64_t at_us;            /* wall clock */
    char code[AWS_FAULT_MAX]; /* as the service has it, or "HTTP 403" */
};
bool refusal_last(enum right r, struct refusal *out);
/*
    The one that stands; false: none.
 */

#endif

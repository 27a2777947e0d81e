/* aws_verdict.h - what a reply of an AWS service means. For aws.c alone. */
#ifndef DG_STORE_AWS_VERDICT_H
#define DG_STORE_AWS_VERDICT_H

#include "base/arena.h"
#include "base/err.h"
#include "store/aws.h"
#include "store/http.h"

enum aws_next_step {
    AWS_FINISH, /* st is the answer */
    AWS_AGAIN,  /* wait, then try again; st if that is not possible */
    AWS_RENEW,  /* the session has expired */
    AWS_CLOCK   /* our time is not the service's */
};

struct aws_verdict {
    enum aws_next_step step;
    enum status st;
    const char *code; /* for err_set; NULL: none */
    char fault[AWS_FAULT_MAX];
    struct str message;   /* the service's own words */
    int64_t clock_off_us; /* the service's time less ours; AWS_CLOCK */
};

struct aws_verdict aws_judge(const struct aws_request *r,
                             const struct http_call *c, int64_t our_time_us,
                             struct arena *a);
/*
    What became of r by the call c. By the name that the service gives its
    errors (aws_faults.def), else by the HTTP number; what neither explains is
    an outage, ST_UNAVAILABLE.
 */

int aws_fault_number(const char *fault);
const char *aws_fault_name(int number);
/*
    From 1 on, by aws_faults.def; 0 for one that is not there.
 */

#define AWS_SKEW_US (15 * 60 * 1000000LL)
/*
    The services refuse a request that is signed further from their time.
 */

#endif

/*
 * service.h - what a process has open to serve requests.
 *
 * The use cases (batch.h, finalize.h, analytics.h, ...) take it with a call
 * (call.h), know nothing of FastCGI, and return a status with an err; HTTP
 * numbers are given by fcgi/respond.c.
 */
#ifndef DG_SERVICE_SERVICE_H
#define DG_SERVICE_SERVICE_H

#include "base/buf.h"
#include "driver/call.h"
#include "service/email_hints.h"
#include "store/stores.h"

struct foreign;
struct pauses;

struct service {
    struct stores *stores;
    struct email_hints *hints;
    struct foreign *foreign; /* maintenance: what others wrote (foreign.h), */
    struct pauses *drivers;  /* and whose debts are left alone (base/pause.h) */
    int64_t again_due_ms;    /* when those that failed may be tried again */
    int64_t sweep_due_ms; /* maintenance: when to look for temporaries next, */
    int64_t agree_due_ms; /* and when to ask what the hosts agreed on */
};

enum status service_open(const struct conf *c, struct service **out,
                         struct err *err) MUST_CHECK;
/*
    Opens the stores (stores.h). After the fork; one owner.
 */
void service_close(struct service **s);

#endif

/*
 * errand.h - work that the master has done by a child of its own: what crashes,
 * hangs or leaves something behind there has cost a child.
 */
#ifndef DG_FCGI_ERRAND_H
#define DG_FCGI_ERRAND_H

#include <stdbool.h>
#include "base/log.h"

struct errand {
    const char *role;      /* in the log */
    unsigned seconds;      /* that it may take */
    int (*run)(void *ctx); /* CHILD_DONE, or another after saying why not */
    void *ctx;
    enum log_level level; /* of the line when it could not be run to its end, */
    const char *event, *hangs, *crashes; /* its event, and what to say */
};

bool errand_run(const struct errand *e);
/*
    Waits for it. Whether it came to CHILD_DONE.
 */

#endif

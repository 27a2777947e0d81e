/* worker.h - a process that answers requests: a worker, or the monitor. */
#ifndef DG_FCGI_WORKER_H
#define DG_FCGI_WORKER_H

#include "fcgi/process.h"

/* What a child's exit status tells the master. */
#define CHILD_DONE 0   /* asked to stop, or due for renewal */
#define CHILD_FAILED 1 /* cannot work: start again later */

int worker_run(const struct process *p);
/*
    Serves until it is told to stop or max_requests is reached; the exit
    status.
 */

#endif

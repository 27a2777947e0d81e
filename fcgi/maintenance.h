/* maintenance.h - the process that finishes what this host left pending. */
#ifndef DG_FCGI_MAINTENANCE_H
#define DG_FCGI_MAINTENANCE_H

#include "fcgi/process.h"

int maintenance_run(const struct process *p);
/*
    Looks at the spool every maintenance.interval until it is told to stop;
    the exit status (worker.h). It may be killed at any time: what it does, a
    later pass completes.
 */

#endif

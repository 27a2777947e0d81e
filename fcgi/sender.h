/*
 * sender.h - the process that has time for slow clients.
 *
 * A worker gives an answer away as soon as it has made it: what its client has
 * not taken by then comes here, as a connection and a file (handover.h). Here
 * one process waits for all of them.
 *
 * Behind nginx what moves is nginx's buffers: a client that takes 8 KB a second
 * is seen to take nothing for minutes, and then a megabyte. nginx itself knows
 * its clients (send_timeout), and hangs up here when one is gone. So this
 * side's own limit is no judgement about a client, but for the web server that
 * has forgotten a connection.
 */
#ifndef DG_FCGI_SENDER_H
#define DG_FCGI_SENDER_H

#include "fcgi/process.h"

int sender_run(const struct process *p);
/*
    Until it is told to stop. PROCESS_STOP: what is not sent goes back into the
    channel, for the next sender. PROCESS_DRAIN: it is sent, for a request's
   time at most. The exit status (worker.h).
 */

#endif

/* process.h - what every child of the master has and does alike. */
#ifndef DG_FCGI_PROCESS_H
#define DG_FCGI_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include "base/conf.h"
#include "fcgi/handover.h"
#include "host/scoreboard.h"
#include "service/service.h"

struct process {
    const struct conf *conf;
    struct scoreboard *board;
    struct group_commit *group; /* of all processes; NULL: none */
    enum slot_role role;
    int slot;      /* of the scoreboard */
    int listen_fd; /* -1: maintenance and sender listen to nobody */
    struct handover_channel channel; /* its ends that this role has */
    struct handover_channel kept;    /* the same, of kept connections */
    pid_t master;
};

/*
 * SIGTERM: end after the request in hand. SIGQUIT: the same, but first answer
 * whoever is already queued at the listening socket (which takes nobody new).
 */
#define PROCESS_STOP SIGTERM
#define PROCESS_DRAIN SIGQUIT

bool process_begin(const struct process *p);
/*
    Right after the fork, with the signals still blocked by the master: role of
    the log, counters, death with the master. False: the master is gone
    already.
 */

enum status process_service(const struct process *p, struct service **out,
                            struct err *err) MUST_CHECK;
/*
    service_open, knowing what this host knows of the others, and writing
    together with its other processes.
 */

void process_signals(void);
/*
    Installs the handlers; after FCGX_Init, which puts in its own. The signals
    stay blocked: they interrupt nothing but a wait with process_wait_mask().
 */
const sigset_t *process_wait_mask(void);
/*
    For epoll_pwait and ppoll: lets the signals in.
 */

bool process_stopping(void);
bool process_draining(void);

void process_mask(sigset_t *out);
/*
    The signals that master and children keep blocked.
 */

#endif

/* master.h - the first process: holds the sockets, sees to the others. */
#ifndef DG_FCGI_MASTER_H
#define DG_FCGI_MASTER_H

#include "base/arena.h"
#include "base/conf.h"

int master_run(const char *conf_file, const struct conf *c,
               struct arena *memory);
/*
    Runs the service in the foreground until SIGTERM, SIGQUIT or SIGINT; the
    program's exit status. c lies in memory, which the master takes over
    and frees when a reload has replaced it. SIGHUP loads conf_file (NULL: none,
   all defaults) again.
 */

#endif

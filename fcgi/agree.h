/* agree.h - what all hosts of an installation agreed on, before one serves. */
#ifndef DG_FCGI_AGREE_H
#define DG_FCGI_AGREE_H

#include "base/conf.h"
#include "host/scoreboard.h"

void agree_with_hosts(const struct conf *c, struct scoreboard *board);
/*
    Tells the others, and the scoreboard, by these settings
    (store/installation.h); 10 s at most. A store that is away keeps nobody from
    starting: until maintenance has asked again, the longest time that any host
    may have is reckoned with.
 */

void agree_on_others(struct scoreboard *board);
/*
    Before it, when objects.url or records.url is another one than it was:
    whose they are is not known yet.
 */

#endif

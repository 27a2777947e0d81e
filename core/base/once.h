/*
 * once.h - what is said once on a host, and not by each of its processes, nor
 * each time that somebody meets it.
 */
#ifndef DG_BASE_ONCE_H
#define DG_BASE_ONCE_H

#include <stdbool.h>
#include "base/str.h"

void once_share(void);
/*
    Before the forks: from here on all processes have one memory for this.
    Without it each has its own.
 */

bool once_first(struct str what);
/*
    True for whoever asks first about it. Some thousand things are remembered;
    where there are more, the one of them may be told again.
 */

#endif

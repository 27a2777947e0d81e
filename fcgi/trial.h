/*
 * trial.h - settings tried in a process of their own, before anybody depends
 * on them.
 *
 * The child does all that the master would do with a settings file: it reads
 * it, opens the stores as every process will, and opens the log. What crashes,
 * hangs or is refused there has cost a child; the master takes over what came
 * through, and reads no file itself. Nor is what a library leaves behind
 * inherited by every process.
 */
#ifndef DG_FCGI_TRIAL_H
#define DG_FCGI_TRIAL_H

#include "base/arena.h"
#include "base/conf.h"

bool trial_settings(const struct conf *c);
/*
    Whether the service can be opened with them; else the log says why.
 */

bool trial_file(const char *path, struct arena *a, struct conf *out);
/*
    The same for a settings file (NULL: none, all defaults), whose settings
    then are in *out, their texts in the arena. It takes 20 s at most.
 */

void trial_log_open(const struct conf *c, const char *role);
/*
    The log as it is set; the trial's last step, and the master's first.
 */

#endif

/*
 * progress.h - how far a long command has come, on standard error.
 *
 * On a terminal a bar that is drawn over itself, some times a second; anywhere
 * else (a log, cron) a line a minute. What takes less says nothing.
 */
#ifndef DG_CTL_PROGRESS_H
#define DG_CTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what; /* of which things: "users", "trips" */
    int64_t total;    /* 0: not known */
    int64_t from;     /* done before it began: no part of the speed */
    int64_t began_ms, shown_ms;
    bool terminal, drawn;
};

struct progress progress_begin(const char *what, int64_t total, int64_t from);
void progress_show(struct progress *p, int64_t done);
/*
    As often as one likes: it is shown when its time has come.
 */
void progress_end(struct progress *p);
/*
    Clears the bar: what is printed next starts a line of its own. To be called
    before anything else is printed, too; the next progress_show draws again.
 */

#define PROGRESS_TEXT_MAX 160
void progress_text(const struct progress *p, int64_t done, int64_t now_ms,
                   char out[PROGRESS_TEXT_MAX]);
/*
    What is shown: the bar on a terminal, else the line. total is an estimate:
    more than all is shown as all but a little.
 */

#endif

/*
 * crew.h - the master's children: who should be there, and seeing to it.
 *
 * A post is a place to be filled (worker 0..N-1, maintenance, sender, monitor);
 * a child is a process, known by its slot of the scoreboard. Each post has one
 * child of its own; a reload gives it a new one, and the old child goes on
 * ("outgoing") until every post's new child is ready. Then it is retired: told
 * to stop again and again until it is gone, and killed when it takes too long.
 */
#ifndef DG_FCGI_CREW_H
#define DG_FCGI_CREW_H

#include <stdbool.h>
#include "base/conf.h"
#include "host/scoreboard.h"

struct crew;

typedef int (*crew_main)(const struct conf *c, int slot, enum slot_role role);
/*
    Runs in the new process; returns its exit status (worker.h).
 */

struct crew *crew_new(struct scoreboard *b, crew_main child_main);
void crew_free(struct crew **c);

void crew_staff(struct crew *c, const struct conf *conf, unsigned generation);
/*
    From now on posts and new children are those of conf, which must live until
    the next call. Children that are there become outgoing.
 */

void crew_tick(struct crew *c);
/*
    Fills posts, retires who is no longer needed, kills who is stuck. To be
    called whenever a child ended, and at least every crew_pause_ms.
 */
int crew_pause_ms(const struct crew *c);

void crew_reap(struct crew *c);
/*
    Collects the children that ended, and notes those that were stopped.
 */

bool crew_settled(const struct crew *c);
/*
    Every post's child is ready, and nobody is outgoing.
 */

void crew_stop(struct crew *c, bool drain);
/*
    Retires everybody, the sender after the workers and the monitor last; no
   post is filled again. drain: the workers first answer whoever is queued
   (process.h, PROCESS_DRAIN).
 */
void crew_kill(struct crew *c);
/*
    SIGKILL for all, now.
 */
bool crew_gone(const struct crew *c);

#endif

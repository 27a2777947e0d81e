/*
 * kept.h - the connections of a worker that a web server keeps open.
 *
 * FastCGI has no way to say that a connection ends: behind the end of an answer
 * the next request may be on its way, and a close would lose it. So a worker
 * does not close what it keeps. It waits for it beside the listening socket,
 * and what it has no time for goes through a channel to whichever worker is
 * free: when it has more than its share, when it ends, and, by a thread of its
 * own, when a request waits while another one holds it.
 */
#ifndef DG_FCGI_KEPT_H
#define DG_FCGI_KEPT_H

#include <stdbool.h>
#include <stdint.h>
#include "fcgi/handover.h"

/* For one worker. */
#define KEPT_MAX 512

struct kept;

struct kept *kept_new(int epoll_fd, const struct handover_channel *c);
/*
    Both must outlive it. Whoever is added is watched there for input, with its
    name (kept_add) as data.u64: never 0.
 */
void kept_free(struct kept **k);
/*
    None may be left.
 */

int kept_count(const struct kept *k);

bool kept_add(struct kept *k, int fd);
/*
    Waits for its next request from now on. False: there are too many, and it is
    the caller's as before.
 */

int kept_take(struct kept *k, uint64_t name);
/*
    There is input: its descriptor, the caller's until kept_back or kept_gone.
    -1: it was given away meanwhile.
 */
void kept_back(struct kept *k);
/*
    The one that was taken waits for its next request.
 */
void kept_gone(struct kept *k);
/*
    The one that was taken is closed, or somebody else's.
 */

void kept_busy(struct kept *k);
void kept_idle(struct kept *k);
/*
    Around each request, whichever connection it came by: while one takes long,
    others that wait are given away.
 */
void kept_leave(struct kept *k);
/*
    What comes before kept_idle takes long: all go to other workers at once, and
    those that find no room in the channel as soon as they have a request.
 */

bool kept_give(struct kept *k);
/*
    One that waits goes to another worker. False: to nobody.
 */
int kept_pop(struct kept *k);
/*
    Any of them, not watched any more, now the caller's; -1: there is none.
 */

#endif

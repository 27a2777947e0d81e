/*
 * fault.h - places where a test may stop, slow or kill the process.
 *
 * Only in builds configured with --enable-faults; otherwise a fault point is
 * nothing at all. The folder named by DRIVEGUARD_FAULTS holds one file a
 * point, named like it. The first process that comes by takes the file (by
 * renaming it to NAME.taken, so that only one does, and the test can see it)
 * and obeys its first word:
 *
 *   crash        _exit(FAULT_EXIT) without any cleanup
 *   sleep MS     sleeps
 *   fail         fault_point returns true, and the caller takes its error path
 *   hold         waits until the file NAME.go is there (at most 20 s; not to
 *                be let go is an abort, for the test is wrong then), and goes
 *                on when it has removed NAME.taken
 *
 * A file NAME.always is obeyed by everybody and not taken.
 *
 * The stores' points (those that end in "fail" make the call ST_UNAVAILABLE,
 * before it touched anything):
 *
 *   dir.put.fail         puts and removals of the directory store
 *   dir.get.fail         gets
 *   dir.list.fail        listings, the walk over all drivers, the sweep
 *   dir.check.fail       objects_check
 *   dir.put.before_rename    the new version is synced under its temporary
 *                            name; the driver's lock is not yet taken
 *   dir.put.after_rename     it is in place, the lock held, the folder not
 *                            yet synced
 *   cache.connect        connecting to Redis
 *   cache.call           its commands, but not the reading of pieces
 *   cache.commit         a fill, before its head is stored
 *   cache.replace_token  before the token is removed
 *   files.rename         a file of cache.files, written and not yet named
 *   arena.block          a block of an arena: there is no memory left
 *   unsent.keep          keeping what a slow client does not take: no room
 *   records.fail         every call of either record store
 *   group.taken          who leads has taken a group's rows
 *   group.written        they are committed, and nobody is told yet
 *   group.told           all are told, and it still leads
 *   sqlite.claim.after   the claim is committed
 *   spool.fail           new spool entries
 *   spool.keep.fail      making a trip's entry outlive the machine
 *   spool.trip.before_rename the entry is written, and not yet named
 *
 * Those of the use cases stand where they are passed.
 */
#ifndef DG_BASE_FAULT_H
#define DG_BASE_FAULT_H

#include <stdbool.h>
#include "config.h"

#define FAULT_EXIT 99

#ifdef DG_FAULTS
bool fault_point(const char *name);
#else
static inline bool fault_point(const char *name)
{
    (void)name;
    return false;
}
#endif

#endif

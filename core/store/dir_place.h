/*
 * dir_place.h - where a writer of the directory store works: the folder of an
 * object and the driver's lock.
 *
 * All writes and removals of one driver's objects take users/U/.lock (those
 * of installation.json, which is nobody's, .lock in the root), the
 * unconditional ones too: one that slipped in between another's check and its
 * rename would be lost without a trace.
 *
 * The lock file is made last, after the folders around it were synced: where
 * it is, nothing above an object can be lost any more.
 */
#ifndef DG_STORE_DIR_PLACE_H
#define DG_STORE_DIR_PLACE_H

#include "store/objects.h"

#define KEY_MAX 512 /* more than a driver's folder and any file name */

struct place {
    int root, folder, lock;
    char path[KEY_MAX]; /* of the object, under the root */
    const char *name;   /* its last part */
};

enum status place_open(struct place *p, struct str key,
                       struct err *err) MUST_CHECK;
/*
    Opens the key's folder and the driver's lock file (not yet locked), making
    what is missing. The caller has opened p->root.
 */
void place_close(struct place *p);
/*
    Frees the lock and closes all three.
 */

enum status place_lock(struct place *p, struct deadline d,
                       struct err *err) MUST_CHECK;

enum status place_version(const struct place *p, struct etag *out,
                          struct err *err) MUST_CHECK;
/*
    The ETag of what is there now; ST_OK and an empty one when nothing is.
 */
enum status place_check(const struct place *p, enum object_condition cond,
                        const struct etag *match, struct err *err) MUST_CHECK;
/*
    ST_PRECONDITION when the condition does not hold.
 */

int folder_reach(int at, const char *name);
/*
    An fd, or -1 and errno. Follows no link.
 */
void fd_close(int *fd);
/*
    If it is one; *fd is -1 afterwards.
 */

#endif

/*
 * disk.h - room on a file system, for what may be done without.
 *
 * Cached answers, and what slow clients have not taken yet, lie beside what
 * must not be lost. They leave a part of their file system to that: a
 * twentieth, 4 GB at most. Whoever keeps such things asks before it writes, and
 * gives way.
 */
#ifndef DG_STORE_DISK_H
#define DG_STORE_DISK_H

#include <stdint.h>

int64_t disk_lacks(int fd);
/*
    How many bytes the file system that fd lies on has less than its reserve; 0:
    none, or it does not say.
 */

int64_t disk_share(int fd, int64_t wanted);
/*
    wanted, but never more than half of the file system.
 */

#endif

/*
 * folder.h - files that are there whole or not at all, and survive a crash.
 *
 * What the directory store and the spool share: folders that are made and
 * synced, temporary names, complete listings, and the words for what a file
 * system refuses. Every fd that comes out of here is close-on-exec.
 */
#ifndef DG_STORE_FOLDER_H
#define DG_STORE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/random.h"
#include "base/str.h"

/* What is being written has a name that no listing shows; what a crashed
 * writer left is removed after an hour, far beyond any deadline. */
#define TEMP_PREFIX ".tmp-"
#define TEMP_NAME_MAX (sizeof TEMP_PREFIX - 1 + RANDOM_HEX)
#define TEMP_AGE_S 3600

enum status folder_open(const char *path, int *fd, struct err *err) MUST_CHECK;
/*
    Opens the folder, making it and the missing ones above it; each new one is
    durable when ST_OK.
 */

enum status folder_make_at(int at, const char *name,
                           struct err *err) MUST_CHECK;
/*
    Makes one folder and syncs its parent; also when it was there already,
    because its maker may not have synced it yet.
 */

enum status folder_sync(int fd, const char *name, struct err *err) MUST_CHECK;
/*
    What was renamed, made or removed in it is durable when ST_OK. name is for
    the error's text.
 */

enum folder_which {
    NAMES_PLAIN, /* all that do not start with a dot */
    NAMES_TEMP   /* those that start with TEMP_PREFIX */
};
struct folder_names {
    char **v; /* in byte order */
    size_t n;
};
enum status folder_names(int fd, enum folder_which which, struct arena *a,
                         struct folder_names *out, struct err *err) MUST_CHECK;

enum status folder_sweep(int fd, struct err *err) MUST_CHECK;
/*
    Removes temporaries older than TEMP_AGE_S.
 */

void temp_name(char out[TEMP_NAME_MAX + 1]);
enum status temp_create(int at, const char *name, int *fd,
                        struct err *err) MUST_CHECK;

enum status file_write(int fd, struct str bytes, struct err *err) MUST_CHECK;
/*
    All of it; not yet synced.
 */

enum status file_errno(struct err *err, const char *doing, const char *name);
/*
    errno as a status and a text that says what to do about it.
 */

enum status file_lock_try(int fd, bool *locked, struct err *err) MUST_CHECK;
/*
    An exclusive flock without waiting. It frees itself when its holder dies.
    *locked is false when another has it, or when the file is no longer in its
    folder (its owner finished between our open and our lock).
 */

#endif

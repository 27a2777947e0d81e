/*
 * dir_own.h - whether a folder is that of the installation that was seen there.
 *
 * A mount that is gone leaves an empty folder, or none; a mount over it, or a
 * folder put in its place, may have other drivers. Which one it is says
 * installation.json in it. While that file is the same (its file system,
 * number, size and times), one system call says so.
 */
#ifndef DG_STORE_DIR_OWN_H
#define DG_STORE_DIR_OWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include "base/err.h"

struct dir_own { /* zeroed: nothing was looked at */
    uint64_t mark;
    struct stat seen;
};

enum status dir_own_check(struct dir_own *own, int root, const char *name,
                          uint64_t mark, struct err *err) MUST_CHECK;
/*
    root is the open folder, name for the error's text, mark that of the
    installation (installation_mark). ST_UNAVAILABLE: installation.json is not
    there (objects_gone), or is another installation's (objects_other). One
    that cannot be read, or is spoilt, says nothing: it is there.
 */

#endif

/* spool_impl.h - what the two files of the spool share. */
#ifndef DG_STORE_SPOOL_IMPL_H
#define DG_STORE_SPOOL_IMPL_H

#include <limits.h>
#include "store/spool.h"

/* Bytes of a text: two ids and a newline. */
#define ENTRY_MAX (2 * ID_MAX + 1)

enum debt_place { PLACE_EACH, PLACE_DRIVER }; /* spool.def */
enum debt_place debt_place(enum debt_kind kind);

struct spool {
    char folder[PATH_MAX];
    int kind[DEBT_KINDS]; /* the folders in it; -1: not open */
};

enum status spool_reach(struct spool *s, struct err *err) MUST_CHECK;
/*
    A folder that was removed, moved or mounted over since it was opened would
    refuse every entry, or take it where no process looks after a restart: then
    they are opened, or made, anew.
 */

int spool_open_below(int at, const char *name);
/*
    A folder's fd, or -1 with errno.
 */

#endif

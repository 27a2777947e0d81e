/* spool_impl.h - what the two files of the spool share. */
#ifndef DG_STORE_SPOOL_IMPL_H
#define DG_STORE_SPOOL_IMPL_H

#include <limits.h>
#include "base/pause.h"
#include "store/folder.h"
#include "store/spool.h"

/* Bytes of a text: two ids and a newline. */
#define ENTRY_MAX (2 * ID_MAX + 1)

enum debt_place { PLACE_EACH, PLACE_DRIVER, PLACE_LATER }; /* spool.def */
enum debt_place debt_place(enum debt_kind kind);

struct spool {
    char folder[PATH_MAX];
    int kind[DEBT_KINDS];        /* the folders in it; -1: not open */
    int64_t failing[DEBT_KINDS]; /* of the last spool_work */
    struct pauses *odd; /* of entries that cannot be handled, by name */
};

enum status spool_reach(struct spool *s, struct err *err) MUST_CHECK;
/*
    A folder that was removed, moved or mounted over since it was opened would
    refuse every entry, or take it where no process looks after a restart: then
    they are opened, or made, anew.
 */

void spool_set_aside(struct spool *s, enum debt_kind kind, const char *name);
/*
    A damaged disk or a hand did this. Kept for whoever looks into it, out of
    the way. name: below the kind's folder.
 */

/* ---- LATER: spool_later.c; s->kind was reached ---- */

enum status later_add(struct spool *s, const struct debt *debt,
                      struct err *err) MUST_CHECK;
enum status later_work(struct spool *s, enum debt_kind kind, const char *name,
                       spool_each each, void *ctx, struct err *err) MUST_CHECK;
enum status later_count(struct spool *s, enum debt_kind kind,
                        const struct folder_names *due, int64_t *out,
                        struct err *err) MUST_CHECK;
/*
    name, due: of the files in the kind's folder.
 */

int spool_open_below(int at, const char *name);
/*
    A folder's fd, or -1 with errno.
 */

#endif

/*
 * spool.h - what this host still has to finish, durable on its own disk.
 *
 *   spool/trips/NAME           a trip to be scored: user_id, newline, trip_id
 *   spool/tokens/USER/NAME     the driver's cache token has to be replaced
 *   spool/open/DUE             trips under way, to be looked at when it is due
 *
 * Such a debt is of one of the kinds in spool.def, which says where it lies;
 * all else is alike. Each of the first two is a file of its own, complete
 * before it has its name: one with a text is written under a name starting with
 * a dot and renamed, an empty one is made in one step. Of the third each is a
 * line. When a process dies or lets go of what it owes, maintenance goes on
 * with it.
 */
#ifndef DG_STORE_SPOOL_H
#define DG_STORE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "store/keys.h"

enum debt_kind {
#define DEBT(name, folder, place, words) DEBT_##name,
#include "store/spool.def"
#undef DEBT
    DEBT_KINDS
};

const char *debt_folder(enum debt_kind kind);
const char *debt_words(enum debt_kind kind);
/*
    "trips"; what a person calls them.
 */

struct spool;

enum status spool_open(const char *folder, struct spool **out,
                       struct err *err) MUST_CHECK;
/*
    Makes the folder and those of the kinds when missing, now and whenever a
    later call finds that they were removed or replaced. ST_UNAVAILABLE when it
    cannot be written.
 */
void spool_close(struct spool **s);

enum status spool_check(struct spool *s, struct err *err) MUST_CHECK;
/*
    Whether an entry could be written now: writes one that counts nowhere, and
    removes it. For /readyz.
 */

struct debt {
    enum debt_kind kind;
    struct str user_id;
    struct str trip_id; /* of a kind EACH or LATER; else empty */
    int64_t due_ms;     /* of a kind LATER: wall clock, ms since 1970 */
    int64_t pause_ms;   /* for spool_each: the one since it failed; 0: none */
};

struct spool_entry {
    enum debt_kind kind;
    int fd; /* of EACH it holds the lock; -1: none */
    char name[64];
    char user[ID_MAX + 1]; /* of DRIVER */
};

enum status spool_owe(struct spool *s, const struct debt *debt,
                      struct spool_entry *out, struct err *err) MUST_CHECK;
/*
    The entry outlives this process, but not yet the machine: most are done
    before anybody is told of them, and need no sync.
 */
enum status spool_keep(struct spool *s, const struct spool_entry *e,
                       struct err *err) MUST_CHECK;
/*
    Now it outlives the machine, too: before an answer that relies on it.
 */
void spool_done(struct spool *s, struct spool_entry *e);
/*
    Nothing is left to do: removes the entry.
 */
void spool_leave(struct spool *s, struct spool_entry *e);
/*
    Lets go: maintenance goes on with it.
 */

enum status spool_add(struct spool *s, const struct debt *debt,
                      struct err *err) MUST_CHECK;
/*
    Owed, kept and left in one: for a debt that others settle. Of a kind LATER
    (whose user_id is not kept and may be empty) it is not synced: who makes
    such a debt has another way to find what a power cut took. The same trip
    and time twice is one.
 */
void spool_take_back(struct spool *s, const struct debt *debt);
/*
    Of a kind LATER: it is not owed any more, if this host has it with that
    time. One line more in a file that is there.
 */

bool spool_waits(struct spool *s, enum debt_kind kind, struct str user_id);
/*
    Of a kind DRIVER: whether this host owes it to the driver. For tokens: then
    it must read past the cache. One system call.
 */

enum spool_end {
    SPOOL_SETTLED, /* nothing is left to do: it is removed */
    SPOOL_FAILED,  /* it stays, and has a pause of its own */
    SPOOL_UNTRIED  /* it stays as it is */
};
typedef enum spool_end (*spool_each)(void *ctx, const struct debt *debt);
enum status spool_work(struct spool *s, enum debt_kind kind, spool_each each,
                       void *ctx, struct err *err) MUST_CHECK;
/*
    Each debt of that kind that nobody works on and whose pause is over. First
    those that never failed, so that none waits for one that fails again and
    again. Of a kind DRIVER: each driver with such debts, and only those that
    were there before the callback began; a further debt ends his pause. Of a
    kind LATER: each whose time has come.
    Pauses (base/pause.h) lie on the disk beside the debts. What is damaged is
    logged and set aside (.damaged-NAME). A failure is that of the first entry
    that could not be handled; the others were, and that one has a pause, too.
 */

int64_t spool_failing(const struct spool *s);
/*
    How many debts had failed and were still owed when their kinds were worked
    off last, by this process.
 */

enum status spool_count(struct spool *s, enum debt_kind kind, int64_t *out,
                        struct err *err) MUST_CHECK;
/*
    Entries, those under work too; of a kind DRIVER, drivers.
 */

#endif

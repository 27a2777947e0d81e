/*
 * spool.h - what this host still has to finish, durable on its own disk.
 *
 *   spool/trips/NAME           a finalize under way: user_id, newline, trip_id
 *   spool/tokens/USER/NAME     the driver's cache token has to be replaced
 *
 * Each entry is a file of its own, complete and synced before anybody is told
 * to rely on it. A trip entry is written under a name starting with a dot and
 * renamed; it is locked (flock) by the process that works on it, and when
 * that process dies or lets go, maintenance takes it over. A token entry is an
 * empty file, so that making it is one step; its folder USER is there while the
 * driver is owed a token, so that one look tells.
 */
#ifndef DG_STORE_SPOOL_H
#define DG_STORE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct spool;

enum status spool_open(const char *folder, struct spool **out,
                       struct err *err) MUST_CHECK;
/*
    Makes the folder and its two below when missing, now and whenever a later
    call finds that they were removed or replaced. ST_UNAVAILABLE when it
    cannot be written.
 */
void spool_close(struct spool **s);

enum status spool_check(struct spool *s, struct err *err) MUST_CHECK;
/*
    Whether an entry could be written now: writes one that counts nowhere, and
    removes it. For /readyz.
 */

struct spool_trip {
    int fd; /* holds the lock; -1: none */
    char name[64];
};

enum status spool_trip_begin(struct spool *s, struct str user_id,
                             struct str trip_id, struct spool_trip *out,
                             struct err *err) MUST_CHECK;
/*
    The entry outlives this process, but not yet the machine: most are done
    before anybody is told of them, and need no sync.
 */
enum status spool_trip_keep(struct spool *s, const struct spool_trip *t,
                            struct err *err) MUST_CHECK;
/*
    Now it outlives the machine, too: before an answer that relies on it.
 */
void spool_trip_done(struct spool *s, struct spool_trip *t);
/*
    Nothing is left to do: removes the entry.
 */
void spool_trip_leave(struct spool *s, struct spool_trip *t);
/*
    Lets go: maintenance goes on with it.
 */

enum status spool_token_add(struct spool *s, struct str user_id,
                            struct err *err) MUST_CHECK;

bool spool_token_waits(struct spool *s, struct str user_id);
/*
    Whether this host owes the driver a new token: then it must read past the
    cache. One system call.
 */

typedef enum status (*spool_trip_each)(void *ctx, struct str user_id,
                                       struct str trip_id);
enum status spool_trips(struct spool *s, spool_trip_each each, void *ctx,
                        struct err *err) MUST_CHECK;
/*
    Each trip entry that nobody works on, locked meanwhile; removed when the
    callback returns ST_OK, else kept for the next time. An entry that is
    damaged is logged and set aside (.damaged-NAME). A failure is that of the
    first entry that could not be handled; the others were.
 */

typedef enum status (*spool_token_each)(void *ctx, struct str user_id);
enum status spool_tokens(struct spool *s, spool_token_each each, void *ctx,
                         struct err *err) MUST_CHECK;
/*
    Each driver with undelivered tokens. Removed on ST_OK: only the entries
    that were there before the callback began.
 */

struct spool_counts {
    int64_t trips;  /* entries, those under work too */
    int64_t tokens; /* drivers owed a token */
};
enum status spool_count(struct spool *s, struct spool_counts *out,
                        struct err *err) MUST_CHECK;

#endif

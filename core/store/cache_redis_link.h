/*
 * cache_redis_link.h - the way to the Redis server: connected when it is
 * needed, dropped when anything is wrong, spared for a moment after that.
 *
 * Commands go through here, so that every error, timeout and surprise ends in
 * the same place: the connection is closed, the change is logged once, and the
 * next attempt waits 50 ms, then twice as long each time up to a second. One
 * error is no reason to close: a server whose memory is full still serves.
 *
 * A connection that stands while its server is no more the master (a replica,
 * loading, another history of the data) is no failure yet: the command is tried
 * once more, on a fresh connection to whatever the name leads to by now.
 *
 * What the server does not let this user do (scripts, say) it will not let him
 * do in a second either: the cache is then left alone for half a minute, and
 * used again only when all that it does is allowed (redis_probe). Removals go
 * on, if they are allowed.
 */
#ifndef DG_STORE_CACHE_REDIS_LINK_H
#define DG_STORE_CACHE_REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "store/cache_redis_address.h"
#include "store/cache_redis_conn.h"

/* What is not allowed is so for all processes of a host: in memory that they
 * share, or, where nobody shared any, the link's own. */
struct link_refusal {
    _Atomic bool refused;        /* something that the cache does */
    _Atomic int64_t probe_at_ms; /* when that is looked at again, by one */
};

struct redis_link {
    struct link_refusal *refusal, own_refusal;
    struct redis_address at;
    int64_t timeout_ms;      /* longest wait for a connection or a reply */
    struct redis_conn *conn; /* NULL: none */
    bool down, full;         /* as last logged */
    /* Of the data at the last connection; empty: none yet. */
    char history[REDIS_HISTORY_MAX + 1];
    struct err why;   /* of the last failure */
    int64_t pause_ms; /* how long the pause is; 0 after a success */
    int64_t pause_until_ms;
    int64_t urgent_ms; /* when LINK_URGENT last broke the pause */
};

enum link_urgency {
    LINK_PATIENT, /* not within the pause after a failure */
    LINK_URGENT,  /* also within it, once a second; and while something
                     else is refused */
    LINK_INSISTENT
};

/* How sure it must be that the answer is the master's: see
 * redis_conn_call_sure. What names its token need not be. */
enum link_doubt { LINK_ANY, LINK_SURE };

struct link_command {
    enum link_urgency urgency;
    enum link_doubt doubt;
    int n;
    const struct str *arg;
};
/* LINK_COMMAND(LINK_PATIENT, LINK_ANY, STR_LIT("GET"), key) */
#define LINK_COMMAND(urgency, doubt, ...)                                      \
    (&(struct link_command){urgency, doubt,                                    \
                            sizeof((struct str[]){__VA_ARGS__}) /              \
                                sizeof(struct str),                            \
                            (struct str[]){__VA_ARGS__}})

void redis_link_share(void);
/*
    Before the forks: the links that are begun from here on know of each other's
    refusals, so that a host says it once and asks again once.
 */

void redis_link_begin(struct redis_link *l);
/*
    Of one that is zeroed but for its settings, and stays where it is.
 */

const char *redis_link_history(const struct redis_link *l);
/*
    Of the data of the server that answered last (redis_conn_history); only
    after a command that was ST_OK.
 */

enum status redis_link_probe(struct redis_link *l, struct deadline d,
                             struct err *err) MUST_CHECK;
/*
    Whether the cache can do all that it does, now, pause or not.
 */

void redis_link_close(struct redis_link *l);

/*
 * Each sends one command and takes one kind of reply. ST_UNAVAILABLE and
 * ST_TIMEOUT everywhere, an error reply and a reply of another kind included.
 */
enum status redis_link_number(struct redis_link *l,
                              const struct link_command *cmd, struct deadline d,
                              long long *out, struct err *err) MUST_CHECK;
enum status redis_link_set(struct redis_link *l, const struct link_command *cmd,
                           struct deadline d, bool *set,
                           struct err *err) MUST_CHECK;
/*
    A SET; *set is false where its NX found a value.
 */
enum status redis_link_texts(struct redis_link *l,
                             const struct link_command *cmd, struct deadline d,
                             struct arena *a, struct str *out, size_t n,
                             struct err *err) MUST_CHECK;
/*
    A single string for n = 1, or an array of n: STR_NONE for each that is not
    there. The strings belong to the arena. ST_NOT_FOUND: no string lies there.
 */
enum status redis_link_value(struct redis_link *l,
                             const struct link_command *cmd, struct deadline d,
                             char *out, size_t size,
                             struct err *err) MUST_CHECK;
/*
    A string of exactly `size` bytes, read into out. ST_NOT_FOUND: there is
    none, or one of another size.
 */

#endif

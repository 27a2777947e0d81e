/*
 * stores.h - all that a process keeps data in, opened and closed as one.
 *
 * Who works on a driver's data takes this and the settings in it, and knows
 * nothing of the use cases above.
 */
#ifndef DG_STORE_STORES_H
#define DG_STORE_STORES_H

#include "base/conf.h"
#include "store/cache.h"
#include "store/files.h"
#include "store/objects.h"
#include "store/outage.h"
#include "store/records.h"
#include "store/share.h"
#include "store/spool.h"

/* What the hosts agreed on (installation.h), as far as this host knows: in
 * memory that its processes share, zeroed at first. */
struct agreed {
    _Atomic int64_t timeout_ms; /* the longest request_timeout of all hosts */
    _Atomic int64_t read_us;    /* when that was read; 0: never */
    _Atomic uint64_t objects;   /* objects_mark of the installation's id, and */
    _Atomic uint64_t records;   /* of the records' identity; 0: not known */
};
void agreed_tell(struct agreed *g, int64_t timeout_ms, int64_t read_us);
bool agreed_known(const struct agreed *g);

/* The largest value that a host's request_timeout may have (conf.def): what is
 * judged by as long as the host does not know. */
#define REQUEST_TIMEOUT_MAX_MS 600000

struct stores {
    const struct conf *conf;
    struct agreed *agreed; /* its own, until stores_know */
    struct agreed own_agreed;
    struct sharer sharer; /* bounds nobody, until a worker sets it */
    struct objects *objects;
    struct records *records;
    struct cache *cache;
    struct spool *spool;
    struct files *files;      /* NULL: cache.files is off, or cannot be used */
    struct err no_files;      /* then why */
    struct outage users_away; /* for answers that can do without the record, */
    struct outage away;       /* and those that have an aged copy */
};

enum status stores_open(const struct conf *c, struct stores **out,
                        struct err *err) MUST_CHECK;
/*
    Opens every store lazily: no connection is made, but a setting that cannot
    work is ST_BAD_REQUEST. After the fork; one owner.
 */
void stores_close(struct stores **s);

void stores_know(struct stores *s, struct agreed *agreed);
/*
    What this process knows of the others is there from now on: in memory that
    it shares. agreed outlives s.
 */

bool stores_past(const struct stores *s, int64_t at_us, int timeouts);
/*
    Whether a request of any host that was under way at that time is over, even
    if it took so many request_timeouts; also those of hosts that came since
    this one last read what they agreed on: they began to serve after that, so
    what is as young as that is not past.
 */
int64_t stores_past_ms(const struct stores *s, int64_t at_us, int timeouts);
/*
    In how long that can be so, at least 1.
 */

#define STORES_QUIET 3 /* timeouts */
bool stores_quiet(const struct stores *s, int64_t modified_us);
/*
    Whether it is so long ago that whoever wrote something at that time has said
    so by now, on any host, and that whoever runs now began after that: a
    request and what it leaves for later last a request_timeout each.
 */

struct store_state {
    const char *name;  /* "objects", "records", "cache", "spool" */
    bool ok, required; /* the cache is not required */
    struct err err;
    struct err warning; /* ST_OK: none; else it works, but not as it should */
};
enum status stores_answer(struct stores *s, struct deadline d,
                          struct err *err) MUST_CHECK;
/*
    Whether the objects and the records can be used now, whatever a single
    driver's may be like.
 */

#define STORES_CHECKED 5
bool stores_ready(struct stores *s, struct deadline d,
                  struct store_state out[STORES_CHECKED],
                  struct tried tried[RIGHTS]);
/*
    Asks every one of them now, and tries the service's rights there; true when
    all required ones are usable. A right without which the service cannot do
   its work fails its store; any other one is the store's warning.
 */

#endif

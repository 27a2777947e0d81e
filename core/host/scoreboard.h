/*
 * scoreboard.h - what the processes of a host do, in a file that all map.
 *
 * The master makes the file; each process writes its own slot; the monitor
 * process and driveguardctl read. Every word is written by one process at a
 * time and is atomic, so a reader needs no lock and can never hold one.
 *
 * A slot outlives its process: the next process in it goes on counting, so
 * the sums over the slots never go back while the master lives.
 */
#ifndef DG_HOST_SCOREBOARD_H
#define DG_HOST_SCOREBOARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/stats.h"
#include "store/stores.h"

/* Twice the most workers (a reload runs old and new side by side), and some. */
#define SCOREBOARD_SLOTS 1056
/* Longest text and a NUL, in whole words; a longer request id is cut. */
#define SCOREBOARD_ROUTE_MAX 32
#define SCOREBOARD_ID_MAX 72

enum slot_role {
    ROLE_WORKER,
    ROLE_MAINTENANCE,
    ROLE_SENDER,
    ROLE_MONITOR,
    ROLE_COUNT
};
enum slot_state { SLOT_FREE, SLOT_STARTING, SLOT_IDLE, SLOT_BUSY };

const char *slot_role_name(enum slot_role role);

struct scoreboard;

/* ---- the master ---- */

enum status scoreboard_create(const char *path, struct scoreboard **out,
                              struct err *err) MUST_CHECK;
/*
    Makes the file under another name, maps it and renames it into place, so
    that a reader never sees half of one and an older master keeps its own.
    The calling process is recorded as the master. ST_UNAVAILABLE.
 */
void scoreboard_remove(struct scoreboard *b);
/*
    Takes the file away, if it is still this one.
 */
void scoreboard_generation(struct scoreboard *b, unsigned generation);
/*
    The configuration that new processes get; 1 at first. What was agreed goes
    over to the processes of that one.
 */
int scoreboard_take(struct scoreboard *b, enum slot_role role, int number,
                    unsigned generation, struct deadline started);
/*
    A free slot, now SLOT_STARTING until `started` at the latest; -1: none.
 */
void scoreboard_pid(struct scoreboard *b, int slot, pid_t pid);
void scoreboard_draining(struct scoreboard *b, int slot);
/*
    Shown to readers; the process itself knows by its signal.
 */
void scoreboard_release(struct scoreboard *b, int slot);
/*
    Its process is gone. Counters and histograms stay, its gauges do not
    count; its place of the share is free.
 */

/* ---- the process that has the slot ---- */

struct agreed *scoreboard_agreed(struct scoreboard *b);
/*
    What the host knows of the others (store/stores.h): one for all processes of
    a configuration, since that of the next may have other stores.
 */
struct share *scoreboard_share(struct scoreboard *b);
/*
    The places for dear answers (store/share.h); one for all slots.
 */
struct stats *scoreboard_stats(struct scoreboard *b, int slot);
/*
    For stats_use: its process counts there from the fork on.
 */
void scoreboard_idle(struct scoreboard *b, int slot);
void scoreboard_busy(struct scoreboard *b, int slot, struct deadline d);
/*
    A request (or a pass) began; past d the master counts it as stuck.
 */
void scoreboard_request(struct scoreboard *b, int slot, struct str route,
                        struct str request_id);
/*
    What the request turned out to be; cut to fit.
 */
void scoreboard_extend(struct scoreboard *b, int slot, struct deadline d);
/*
    There is progress: not stuck before d.
 */
void scoreboard_served(struct scoreboard *b, int slot);
void scoreboard_alive(struct scoreboard *b, int slot);
/*
    To be called at least once a second by who is idle: it waits, and would
   hear.
 */
int64_t scoreboard_gauge(const struct scoreboard *b, enum gauge g);
/*
    Of all processes that live, together.
 */

/* ---- readers ---- */

enum status scoreboard_open(const char *path, struct scoreboard **out,
                            struct err *err) MUST_CHECK;
/*
    Read-only. ST_UNAVAILABLE (not_running): no file, or its master (process
    id and start time) is gone. ST_CORRUPT (scoreboard_version): made by
    another version of the program.
 */
void scoreboard_close(struct scoreboard **b);

struct slot_view {
    enum slot_role role;
    enum slot_state state;
    bool draining;
    int number; /* of the role, from 0 */
    pid_t pid;
    unsigned generation;
    uint64_t requests;                  /* of this process */
    struct deadline deadline;           /* of SLOT_STARTING and SLOT_BUSY */
    int64_t since_ms;                   /* clock_mono_ms() of the last change */
    int64_t alive_ms;                   /* and of the last sign of life */
    int64_t rss_bytes;                  /* -1: unknown */
    char route[SCOREBOARD_ROUTE_MAX];   /* "" before it is known */
    char request_id[SCOREBOARD_ID_MAX]; /* of the last request */
};
const char *slot_state_name(const struct slot_view *v);
/*
    "starting", "idle", "busy", "draining".
 */

void scoreboard_slot(const struct scoreboard *b, int slot,
                     struct slot_view *out);
/*
    Without rss_bytes (-1).
 */

bool scoreboard_takes(const struct scoreboard *b, int64_t within_ms,
                      struct err *err);
/*
    Whether a worker took a call, or waited for one, within that time. False:
   err says how many there are, and that they are busy or away.
 */

struct board_view {
    const char *version; /* of the program, in the arena */
    pid_t master;
    int64_t started_us; /* wall clock */
    unsigned generation;
    uint64_t counters[STAT_COUNT];
    int64_t gauges[STATS_ROOM(GAUGE_COUNT)];
    struct histogram histograms[STATS_ROOM(HISTOGRAM_COUNT)];
    struct slot_view *slots; /* those in use */
    int n;
};
void scoreboard_view(const struct scoreboard *b, struct arena *a,
                     struct board_view *out);

#endif

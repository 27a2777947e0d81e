/* scoreboard_impl.h - the scoreboard's file, for the two modules that write and
 * read it. */
#ifndef DG_HOST_SCOREBOARD_IMPL_H
#define DG_HOST_SCOREBOARD_IMPL_H

#include <stdatomic.h>
#include "host/scoreboard.h"

#define BOARD_MAGIC "DGBOARD1"
#define TEXT_WORDS(n) ((n) / 8)

/*
 * Text in words, so that a reader in the middle of a write sees old and new
 * letters mixed at worst; `turn` (odd while it is written) tells it so.
 */
struct slot {
    _Atomic uint32_t state, draining, role, generation;
    _Atomic int32_t pid, number;
    _Atomic uint64_t requests;
    _Atomic int64_t deadline_ms, since_ms, alive_ms;
    _Atomic uint32_t turn;
    _Atomic uint64_t route[TEXT_WORDS(SCOREBOARD_ROUTE_MAX)];
    _Atomic uint64_t request_id[TEXT_WORDS(SCOREBOARD_ID_MAX)];
    struct stats stats;
};

_Static_assert(SCOREBOARD_ROUTE_MAX % 8 == 0 && SCOREBOARD_ID_MAX % 8 == 0,
               "texts are kept in whole words");

struct board {
    char magic[8];
    uint32_t size, slot_size, stats_size;
    int32_t master;
    uint64_t master_start; /* clock ticks after boot: tells a reused pid */
    int64_t started_us;
    char version[32];
    _Atomic uint32_t generation;
    struct agreed agreed[2]; /* by the generation: odd, even */
    struct share share;
    _Atomic uint32_t used; /* slots that ever had a process: the rest of the
                              file is a hole and stays one */
    struct slot slots[SCOREBOARD_SLOTS];
};

struct scoreboard {
    struct board *board;
    char *path;
    dev_t dev;
    ino_t ino;
};

int board_used(const struct board *m);
struct slot *slot_of(const struct scoreboard *b, int slot);

uint64_t process_start(pid_t pid);
/*
    In clock ticks after boot; 0 when there is no such process.
 */

struct scoreboard *scoreboard_new(const char *path);
/*
    Without a board.
 */
enum status board_map(int fd, int prot, struct scoreboard *b,
                      struct err *err) MUST_CHECK;
/*
    ST_CORRUPT (scoreboard_version): its size is not this program's.
 */

#endif

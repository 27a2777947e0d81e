/*
 * group_commit.h - writes of a host's processes, committed together.
 *
 * A write that must be on the disk before its answer costs a sync. Processes
 * that write at the same time share one: each puts its write into its place in
 * shared memory; one of them, the leader, does the writes of all that wait in
 * one transaction and tells each what came of it, while the next group gathers.
 * Who comes alone leads at once, so nobody waits for company. (Flat combining:
 * Hendler, Incze, Shavit and Tzafrir, SPAA 2010.)
 *
 * The lead is a robust mutex. When a leader dies the next one finds it so, and
 * does again what the dead one had taken: a write must come to the same when it
 * is done twice. Writes that are not of a group take the mutex as well, so that
 * writers of a host wait for each other by waking, not by trying again.
 *
 * It knows nothing of what is written.
 */
#ifndef DG_STORE_GROUP_COMMIT_H
#define DG_STORE_GROUP_COMMIT_H

#include "base/clock.h"
#include "base/err.h"

#define GROUP_REQUEST_MAX ((size_t)512 * 1024)
#define GROUP_ROWS_MAX 64
#define GROUP_RESULT_MAX 704 /* bytes of a row's result */

struct group_commit; /* memory that the processes of a host share */

struct group_commit *group_commit_new(int places);
/*
    Before the processes are forked. NULL when there is no such memory: then
    everybody writes for himself.
 */
void group_commit_free(struct group_commit **g);

struct group_place {            /* a process's own; one user at a time */
    struct group_commit *group; /* NULL: writes for itself */
    int number;
};

struct group_row { /* one write of a group, for the leader */
    struct str request;
    struct deadline deadline; /* of its process; not over when it was taken */
    enum status st;           /* set by the leader, with err when not ST_OK */
    struct err err;           /* without extra */
    unsigned char result[GROUP_RESULT_MAX];
};
typedef void (*group_write)(void *ctx, struct group_row *row, size_t n);
/*
    Does them all, in one transaction, and sets each row's outcome. The rows
    of a group are at most GROUP_ROWS_MAX; their requests stay where they are
    until it returns.
 */

enum status group_commit(const struct group_place *p, const struct str *part,
                         size_t parts, struct deadline d, group_write write,
                         void *ctx, unsigned char result[GROUP_RESULT_MAX],
                         struct err *err) MUST_CHECK;
/*
    The request is the parts, one behind the other; ST_TOO_LARGE when they are
    over GROUP_REQUEST_MAX. `write` is called when this process leads, maybe for
    others alone. ST_TIMEOUT: the deadline passed; it may still be written when
    a leader had taken it.
 */

enum status group_turn(const struct group_place *p, struct deadline d,
                       struct err *err) MUST_CHECK;
void group_turn_over(const struct group_place *p);
/*
    A write of one's own: no group is written meanwhile. ST_TIMEOUT. Without a
    group both do nothing.
 */

#endif

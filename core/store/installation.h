/*
 * installation.h - what all hosts of one installation agreed on.
 *
 *   installation.json, beside users/ (plain JSON, for people, too):
 *   {"format":1, "installation_id":ID, "created":T, "records":R,
 *    "request_timeout_ms":N}
 *
 * Who judges what others wrote ("whoever wrote this has said so by now") must
 * know how long a request of theirs may run. N is the longest request_timeout
 * of all hosts: one whose own is larger raises it before it serves, one whose
 * own is smaller judges by N. R says which records belong to these objects
 * (records_identity), so that two that do not are noticed.
 *
 * It is read when a host starts and by its maintenance process, never by a
 * request: a worker finds what was read in memory that the processes of a host
 * share (struct agreed).
 */
#ifndef DG_STORE_INSTALLATION_H
#define DG_STORE_INSTALLATION_H

#include "store/stores.h"

enum installation_role {
    INSTALLATION_HOST,    /* makes what is missing, and raises N */
    INSTALLATION_OPERATOR /* only reads */
};

struct installation {
    struct str id, records; /* empty: nobody has made it yet */
    int64_t timeout_ms;
    bool made, raised; /* by this call */
    bool newer;        /* of a later format: only read */
};

enum status installation_agree(struct stores *s, enum installation_role role,
                               struct deadline d, struct arena *a,
                               struct installation *out,
                               struct err *err) MUST_CHECK;
/*
    Reads it, does what the role says, and tells s->agreed. ST_CORRUPT: it is
    there and is not as above; nobody overwrites it. When it fails, what
    s->agreed had stays.
 */

enum status installation_start(struct stores *s, enum installation_role role,
                               struct deadline d, struct err *err) MUST_CHECK;
/*
    installation_agree, and a line in the log for what a person should know:
    that it was made or raised, that this host's request_timeout is smaller,
    that the records are not those of these objects.
 */

#endif

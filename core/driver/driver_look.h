/* driver_look.h - a driver's record and objects, looked at together. */
#ifndef DG_DRIVER_DRIVER_LOOK_H
#define DG_DRIVER_DRIVER_LOOK_H

#include "driver/call.h"
#include "driver/roster.h"
#include "store/stores.h"

enum status driver_look(const struct call *c, struct str email, struct user *u,
                        struct roster_look **look) MUST_CHECK;
/*
    The two stores are asked at once. What the record says decides: without it,
    or with another e-mail (not asked for when empty), it is ST_NOT_FOUND with
    nothing in its err, and what the objects are, or that they cannot be read,
    is nobody's business. u->user_id is empty unless there is a record that was
    read.
 */

#endif

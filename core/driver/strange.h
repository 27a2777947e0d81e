/*
 * strange.h - keys below a driver's trips that are not ours: another's, or one
 * of ours that another printed otherwise.
 *
 * Nothing that we write would lie there, so a person has to look; they are left
 * alone. The log names the first ones, once a host: they come with every
 * listing.
 */
#ifndef DG_DRIVER_STRANGE_H
#define DG_DRIVER_STRANGE_H

#include "base/str.h"

#define STRANGE_NAMED 8 /* of one driver */

void strange_key(struct str user_id, struct str key, size_t before);
/*
    before: how many the same listing had before this one.
 */

#endif

/*
 * owner.h - whose the state of this host is: who may make files in it.
 *
 * Root runs commands on it, and checks settings, before the service's first
 * start and after. What root made, the service could not write.
 */
#ifndef DG_STORE_OWNER_H
#define DG_STORE_OWNER_H

#include "base/conf.h"
#include "base/err.h"

/* As in packaging/systemd, whose sysusers file makes this user. */
#define OWNER_NAME "driveguard"

enum status owner_become(const struct conf *c, struct err *err) MUST_CHECK;
/*
    Root becomes the owner of the spool folder, or of the nearest above it that
    is there, with that user's home. If that is root's and the spool is still
    to be made, a user of the name above is meant: the missing folders are made
    for it, as the service's first start would. Without such a user root stays
    root, as in a container that has nobody else. Anybody else stays who he is.
    ST_UNAVAILABLE, ST_DENIED: it cannot be done.
 */

#endif

/* cache_redis_refusal.h - what it means that a Redis server refuses a command.
 */
#ifndef DG_STORE_CACHE_REDIS_REFUSAL_H
#define DG_STORE_CACHE_REDIS_REFUSAL_H

#include "base/err.h"

enum status redis_refused(const char *command, const char *reply,
                          struct err *err) MUST_CHECK;
/*
    What the server's error is: ST_UNAVAILABLE with the code cache_forbidden for
    what this user, or this server, may not do until somebody changes a setting,
    and which; cache_full where there is no memory; cache_refused for what may
    pass by itself.
 */

#endif

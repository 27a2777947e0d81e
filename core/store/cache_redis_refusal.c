#include "store/cache_redis_refusal.h"

#include <stdbool.h>
#include <string.h>

static bool begins_with_one_of(const char *text, const char *const *with)
{
    for (; *with; with++)
        if (strncmp(text, *with, strlen(*with)) == 0)
            return true;
    return false;
}

static bool has_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strstr(text, *words))
            return true;
    return false;
}

/* Redis 6 and 7 word it differently; a command that was renamed away is
 * unknown, in a script, too. */
static const char *const no_right[] = {"NOPERM", "ACL failure in script",
                                       "can't run this command", NULL};
static const char *const no_command[] = {
    "unknown command", "Unknown Redis command called from", NULL};
static const char *const elsewhere[] = {"MOVED ", "ASK ", "CROSSSLOT",
                                        "CLUSTERDOWN", NULL};

enum status redis_refused(const char *command, const char *reply,
                          struct err *err)
{
    const char *code = "cache_forbidden", *hint = "";

    if (begins_with_one_of(reply, elsewhere))
        hint =
            "; this server is one of a Redis Cluster's, which the cache does "
            "not follow: set cache.url to a server that holds all keys "
            "(cluster-enabled no), or to a proxy of the cluster";
    else if (has_one_of(reply, no_right))
        hint = "; the user needs ~dg:* +mget +get +set +del +pexpire +eval "
               "+info +select";
    else if (has_one_of(reply, no_command))
        hint = "; the cache needs it";
    else
        code = strncmp(reply, "OOM ", 4) == 0 ? "cache_full" : "cache_refused";
    return err_set(err, ST_UNAVAILABLE, code, "redis refuses %s: %s%s", command,
                   reply, hint);
}

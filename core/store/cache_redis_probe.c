#include "store/cache_redis_probe.h"

#include "base/str.h"
#include "store/cache_redis_conn.h"

/*
 * The tags lie in different quarters of a cluster's slots (CRC16 mod 16384), so
 * that a cluster of several servers sends some of them elsewhere.
 */
#define TAG_A "dg:{check:3}" /* slot 1715 */
#define TAG_B "dg:{check:2}" /* slot 5778 */
#define TAG_C "dg:{check:1}" /* slot 9969 */
#define TAG_D "dg:{check:0}" /* slot 14032 */

/* An ACL judges what a script calls, too. */
#define SCRIPT                                                                 \
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"                     \
    "redis.call('GET', KEYS[1])\n"                                             \
    "redis.call('PEXPIRE', KEYS[1], ARGV[2])\n"                                \
    "return redis.call('DEL', KEYS[1])"

#define WORDS_MAX 6
static const struct {
    int n;
    const char *word[WORDS_MAX];
} commands[] = {
    {3, {"MGET", TAG_A ":token", TAG_A ":head"}},
    {3, {"DEL", TAG_C ":token", TAG_C ":head"}},
    {6, {"EVAL", SCRIPT, "1", TAG_B ":token", "1", "1000"}},
    {5, {"SET", TAG_C ":fill", "1", "PX", "1000"}},
    {6, {"SET", TAG_D ":fill", "1", "NX", "PX", "1000"}},
    {2, {"GET", TAG_C ":fill"}},
    {2, {"GET", "dg:email:check"}},
};

enum status redis_probe(struct redis_conn *conn, struct deadline d,
                        struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; !st && i < sizeof commands / sizeof *commands; i++) {
        struct str arg[WORDS_MAX];

        for (int w = 0; w < commands[i].n; w++)
            arg[w] = str_of(commands[i].word[w]);
        st = redis_conn_do(conn, arg, commands[i].n, d, err);
    }
    return st;
}

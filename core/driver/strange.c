#include "driver/strange.h"

#include <stdint.h>
#include <string.h>
#include "base/digest.h"
#include "base/log.h"
#include "base/stats.h"

/* What was said, as the beginnings of hashes. A process that knows more of them
 * than there is room for forgets the oldest of a row, and says those again. */
#define ROWS 1024
#define WAYS 4

static uint64_t said[ROWS][WAYS];

static bool strange_is_new(struct str what)
{
    unsigned char md[MD5_SIZE];
    uint64_t hash, *row;

    digest_md5(what, md);
    memcpy(&hash, md, sizeof hash);
    row = said[hash % ROWS];
    for (int i = 0; i < WAYS; i++)
        if (row[i] == hash)
            return false;
    memmove(row + 1, row, (WAYS - 1) * sizeof *row);
    row[0] = hash;
    return true;
}

void strange_key(struct str user_id, struct str key, size_t before)
{
    struct log_value space;

    if (before > STRANGE_NAMED ||
        !strange_is_new(before == STRANGE_NAMED ? user_id : key))
        return;
    stat_add(STAT_strange_keys, 1);
    if (before == STRANGE_NAMED)
        log_line(LOG_WARN, "strange_keys_more",
                 "user_id=%s text=\"there are more than %d; they are not named "
                 "here\"",
                 log_quoted(user_id, &space), STRANGE_NAMED);
    else
        log_line(LOG_WARN, "strange_key", "key=%s", log_quoted(key, &space));
}

#include "driver/strange.h"

#include "base/log.h"
#include "base/once.h"
#include "base/stats.h"

void strange_key(struct str user_id, struct str key, size_t before)
{
    struct log_value space;

    if (before > STRANGE_NAMED ||
        !once_first(before == STRANGE_NAMED ? user_id : key))
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

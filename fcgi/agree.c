#include "fcgi/agree.h"

#include <stdatomic.h>
#include "fcgi/errand.h"
#include "fcgi/worker.h"
#include "service/service.h"
#include "store/installation.h"

#define AGREE_SECONDS 10
#define AGREE_MS 3000

struct agreeing {
    const struct conf *conf;
    struct scoreboard *board;
};

static int agree_in_child(void *ctx)
{
    const struct agreeing *w = ctx;
    struct err err = ERR_NONE;
    struct service *s;
    enum status st = service_open(w->conf, &s, &err);

    if (st == ST_OK) {
        stores_know(s->stores, scoreboard_agreed(w->board));
        st = installation_start(s->stores, INSTALLATION_HOST,
                                deadline_in(AGREE_MS), &err);
        service_close(&s);
    }
    if (st == ST_OK)
        return CHILD_DONE;
    log_err(LOG_WARN, "installation_unknown", &err);
    return CHILD_FAILED;
}

void agree_on_others(struct scoreboard *board)
{
    struct agreed *agreed = scoreboard_agreed(board);

    atomic_store(&agreed->objects, 0);
    atomic_store(&agreed->records, 0);
}

void agree_with_hosts(const struct conf *c, struct scoreboard *board)
{
    struct agreeing w = {c, board};
    const struct errand e = {
        .role = "agree",
        .seconds = AGREE_SECONDS,
        .run = agree_in_child,
        .ctx = &w,
        .level = LOG_WARN,
        .event = "installation_unknown",
        .hangs = "asking the stores takes too long",
        .crashes = "asking the stores crashed",
    };

    /* Not known is no reason not to start: then the longest time counts. */
    (void)errand_run(&e);
}

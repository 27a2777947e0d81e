#include "fcgi/maintenance.h"

#include <poll.h>
#include "base/log.h"
#include "fcgi/worker.h"
#include "service/maintenance.h"

#define ARENA_KEEP (1024 * 1024)
/* Of a pass: every call in it has a deadline, the pass has none. */
#define NEVER ((struct deadline){INT64_MAX / 2})
/* A failure that stays is told again after this, not at every look. */
#define REPEAT_MS 60000
/* After failures the pause doubles up to 2^4 times maintenance.interval: an
 * outage of hours must not cost a scoring of every pending trip a second. */
#define PAUSE_DOUBLED 4
#define STEP_MS 1000

struct complaint {
    char code[ERR_CODE_MAX];
    int64_t at_ms;
};

static void complain(struct complaint *last, const struct err *err)
{
    int64_t now = clock_mono_ms();

    if (strcmp(last->code, err->code) == 0 && now - last->at_ms < REPEAT_MS)
        return;
    log_err(LOG_WARN, "maintenance_waits", err);
    memcpy(last->code, err->code, sizeof last->code);
    last->at_ms = now;
}

/* In short steps: a disk that is filling does not wait for the end of a pause
 * that an outage has made long, and the master sees that somebody is there. */
static void pause_for(const struct process *p, struct service *s, int64_t ms)
{
    struct deadline until = deadline_in(ms);
    int64_t left = ms;

    while (left > 0 && !process_stopping()) {
        int64_t step = left < STEP_MS ? left : STEP_MS;
        struct timespec pause = {step / 1000, step % 1000 * 1000000};

        ppoll(NULL, 0, &pause, process_wait_mask());
        scoreboard_alive(p->board, p->slot);
        left = deadline_left_ms(until);
        if (left <= 0)
            break;
        scoreboard_busy(p->board, p->slot, NEVER); /* a disk may hang */
        maintenance_tidy(s->stores);
        scoreboard_idle(p->board, p->slot);
    }
}

static void maintenance_loop(const struct process *p, struct service *s,
                             struct arena *a)
{
    struct complaint last = {.at_ms = 0};
    int failures = 0;

    while (!process_stopping()) {
        struct err err = ERR_NONE;
        struct call call = {.stores = s->stores,
                            .arena = a,
                            .err = &err,
                            .request_id = STR_LIT("maintenance")};
        scoreboard_busy(p->board, p->slot, NEVER);
        if (maintenance_pass(s, &call) != ST_OK) {
            complain(&last, &err);
            failures += failures < PAUSE_DOUBLED;
        } else {
            last.code[0] = '\0';
            failures = 0;
        }
        arena_reset(a);
        scoreboard_served(p->board, p->slot);
        scoreboard_idle(p->board, p->slot);
        pause_for(p, s, p->conf->maintenance_interval << failures);
    }
}

int maintenance_run(const struct process *p)
{
    struct err err = ERR_NONE;
    struct service *s;
    struct arena *a;

    process_signals();
    if (process_service(p, &s, &err) != ST_OK) {
        log_err(LOG_ERROR, "start_failed", &err);
        return CHILD_FAILED;
    }
    a = arena_new(ARENA_KEEP);
    maintenance_loop(p, s, a);
    log_line(LOG_INFO, "stopped", NULL);
    arena_free(&a);
    service_close(&s);
    return CHILD_DONE;
}

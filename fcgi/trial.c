#include "fcgi/trial.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include "base/fault.h"
#include "base/log.h"
#include "fcgi/errand.h"
#include "fcgi/worker.h"
#include "service/service.h"

#define TRIAL_SECONDS 20

/* In memory that both processes have at the same address. */
struct trial {
    const char *path;        /* of the file, when it is to be read */
    const struct conf *conf; /* else: what it said */
    struct conf_flat came_through;
};

void trial_log_open(const struct conf *c, const char *role)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    enum log_level level = LOG_INFO;

    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++)
        if (strcmp(c->log_level, names[i]) == 0)
            level = (enum log_level)i;
    log_open(c->log_target, level, role);
}

/* In the child, which ends with it. */
static int trial_run(void *ctx)
{
    struct trial *t = ctx;
    struct arena *a = arena_new(0);
    struct conf *read = arena_alloc(a, sizeof *read);
    struct err err = ERR_NONE;
    struct service *s;

    if (!t->conf) {
        if (fault_point("trial.load") ||
            conf_load(t->path, a, read, &err) != ST_OK) {
            log_err(LOG_ERROR, "configuration_invalid", &err);
            return CHILD_FAILED;
        }
        t->conf = read;
    }
    if (fault_point("trial.open") || service_open(t->conf, &s, &err) != ST_OK) {
        log_err(LOG_ERROR, "configuration_unusable", &err);
        return CHILD_FAILED;
    }
    /* Here and not where it is opened: once a start, and not for each worker.
     */
    if (s->stores->no_files.st != ST_OK)
        log_err(LOG_WARN, "no_files", &s->stores->no_files);
    service_close(&s);
    conf_flatten(t->conf, &t->came_through);
    trial_log_open(t->conf, "trial");
    return CHILD_DONE;
}

static bool trial_passed(struct trial *t)
{
    const struct errand e = {
        .role = "trial",
        .seconds = TRIAL_SECONDS,
        .run = trial_run,
        .ctx = t,
        .level = LOG_ERROR,
        .event = "trial_failed",
        .hangs = "reading the settings or opening the stores takes too long",
        .crashes = "reading the settings or opening the stores crashed",
    };

    return errand_run(&e);
}

/* The settings that came through go to *out, if it is there. */
static bool trial_do(const char *path, const struct conf *c, struct arena *a,
                     struct conf *out)
{
    struct trial *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bool passed;

    if (t == MAP_FAILED) {
        log_line(LOG_ERROR, "trial_failed", "error=\"%m\"");
        return false;
    }
    t->path = path;
    t->conf = c;
    passed = trial_passed(t);
    if (passed && out)
        conf_copy(&t->came_through.conf, a, out);
    munmap(t, sizeof *t);
    return passed;
}

bool trial_settings(const struct conf *c)
{
    assert(c);
    return trial_do(NULL, c, NULL, NULL);
}

bool trial_file(const char *path, struct arena *a, struct conf *out)
{
    return trial_do(path, NULL, a, out);
}

#include "service/service.h"

#include <assert.h>
#include <stdlib.h>
#include "service/driver.h"

enum status service_open(const struct conf *c, struct service **out,
                         struct err *err)
{
    struct service *s = calloc(1, sizeof *s);
    enum status st;

    assert(s);
    s->conf = c;
    if ((st = objects_open(c, &s->objects, err)) != ST_OK ||
        (st = records_open(c, &s->records, err)) != ST_OK ||
        (st = cache_open(c, &s->cache, err)) != ST_OK ||
        (st = spool_open(c->server_spool, &s->spool, err)) != ST_OK ||
        (st = files_open(c, &s->files, err)) != ST_OK) {
        service_close(&s);
        return st;
    }
    s->hints = driver_hints_new();
    *out = s;
    return ST_OK;
}

void service_close(struct service **sp)
{
    struct service *s = *sp;

    if (!s)
        return;
    if (s->hints)
        driver_hints_free(&s->hints);
    files_close(&s->files);
    if (s->spool)
        spool_close(&s->spool);
    if (s->cache)
        cache_close(&s->cache);
    if (s->records)
        records_close(&s->records);
    if (s->objects)
        objects_close(&s->objects);
    free(s);
    *sp = NULL;
}

void call_later(const struct call *c, later_fn fn, void *ctx)
{
    struct later *l = c->later;

    if (!l) {
        fn(ctx, c->deadline);
        return;
    }
    assert(l->n < LATER_MAX);
    l->item[l->n].fn = fn;
    l->item[l->n++].ctx = ctx;
}

void later_run(struct later *l, struct deadline d)
{
    for (size_t i = 0; i < l->n; i++)
        l->item[i].fn(l->item[i].ctx, d);
    l->n = 0;
}

bool service_quiet(const struct service *s, int64_t modified_us)
{
    int64_t quiet_us = 3000 * s->conf->server_request_timeout;

    return clock_wall_us() - modified_us > quiet_us;
}

bool service_ready(struct service *s, struct deadline d,
                   struct backend_state out[SERVICE_BACKENDS])
{
    /* One that is away must not use up the time of the others. */
    int64_t share_ms = deadline_left_ms(d) / 3;
    bool ready = true;

    out[0] = (struct backend_state){.name = "objects", .required = true};
    out[0].ok = objects_check(s->objects, deadline_sooner(d, share_ms),
                              &out[0].err) == ST_OK;
    out[1] = (struct backend_state){.name = "records", .required = true};
    out[1].ok = records_check(s->records, deadline_sooner(d, share_ms),
                              &out[1].err) == ST_OK;
    out[2] = (struct backend_state){.name = "spool", .required = true};
    out[2].ok = spool_check(s->spool, &out[2].err) == ST_OK;
    out[3] = (struct backend_state){.name = "cache", .required = false};
    out[3].ok = cache_check(s->cache, d, &out[3].err) == ST_OK;
    for (int i = 0; i < SERVICE_BACKENDS; i++)
        ready = ready && (out[i].ok || !out[i].required);
    return ready;
}

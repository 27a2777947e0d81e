#include "host/report.h"

#include <stdio.h>
#include "base/isotime.h"
#include "base/json.h"

void pending_unknown(struct pending *out)
{
    *out = (struct pending){.records = -1};
    for (enum debt_kind k = 0; k < DEBT_KINDS; k++)
        out->owed[k] = -1;
}

void pending_count(struct stores *s, struct deadline d, struct pending *out)
{
    pending_unknown(out);
    for (enum debt_kind k = 0; k < DEBT_KINDS; k++)
        if (spool_count(s->spool, k, &out->owed[k], &out->err) != ST_OK)
            out->owed[k] = -1;
    if (records_pending_count(s->records, d, &out->records, &out->err) != ST_OK)
        out->records = -1;
}

static void put_known_count(struct json_out *o, const char *key, int64_t n)
{
    if (n < 0)
        json_put_null(o, key);
    else
        json_put_int(o, key, n);
}

static void put_slot(struct json_out *o, const struct slot_view *v, int64_t now)
{
    bool busy = v->state == SLOT_BUSY;

    json_begin_object(o, NULL);
    json_put_z(o, "role", slot_role_name(v->role));
    json_put_int(o, "slot", v->number);
    json_put_int(o, "pid", v->pid);
    json_put_z(o, "state", slot_state_name(v));
    json_put_int(o, "generation", v->generation);
    json_put_int(o, "requests", (int64_t)v->requests);
    if (busy && v->route[0])
        json_put_z(o, "route", v->route);
    else
        json_put_null(o, "route");
    if (busy && v->request_id[0])
        json_put_z(o, "request_id", v->request_id);
    else
        json_put_null(o, "request_id");
    put_known_count(o, "busy_ms", busy ? now - v->since_ms : -1);
    put_known_count(o, "rss_bytes", v->rss_bytes);
    json_end_object(o);
}

static void put_pending(struct json_out *o, const struct pending *p)
{
    char key[64];

    json_begin_object(o, "pending");
    for (enum debt_kind k = 0; k < DEBT_KINDS; k++) {
        snprintf(key, sizeof key, "spool_%s", debt_folder(k));
        put_known_count(o, key, p->owed[k]);
    }
    put_known_count(o, "records", p->records);
    if (p->err.st != ST_OK)
        json_put_z(o, "error", p->err.text);
    json_end_object(o);
}

void report_json(const struct board_view *v, const struct pending *p,
                 struct buf *out)
{
    struct json_out o = {.b = out};
    int64_t mono = clock_mono_ms();
    char started[TIME_TEXT_MAX];

    json_begin_object(&o, NULL);
    json_put_z(&o, "version", v->version);
    json_put_int(&o, "uptime_seconds",
                 (clock_wall_us() - v->started_us) / 1000000);
    json_put_str(&o, "started_at", time_print(v->started_us, started));
    json_put_int(&o, "master_pid", v->master);
    json_put_int(&o, "configuration_generation", v->generation);
    json_begin_array(&o, "workers");
    for (int i = 0; i < v->n; i++)
        put_slot(&o, &v->slots[i], mono);
    json_end_array(&o);
    json_begin_object(&o, "counters");
    for (enum counter s = 0; s < STAT_COUNT; s++)
        json_put_int(&o, stat_name(s), (int64_t)v->counters[s]);
    json_end_object(&o);
    json_begin_object(&o, "gauges");
    for (enum gauge g = 0; g < GAUGE_COUNT; g++)
        json_put_int(&o, gauge_name(g), v->gauges[g]);
    json_end_object(&o);
    put_pending(&o, p);
    json_end_object(&o);
}

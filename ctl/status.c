#include <stdio.h>
#include <string.h>
#include "ctl/ctl.h"
#include "host/report.h"
#include "host/scoreboard.h"
#include "store/stores.h"

#define COUNT_MS 5000
#define JSON_MAX (4 * 1024 * 1024)

static void print_head(const struct board_view *v)
{
    int64_t up = (clock_wall_us() - v->started_us) / 1000000;

    printf("driveguard %s, master process %d, up %lldd %02lld:%02lld:%02lld, "
           "configuration %u\n\n",
           v->version, v->master, (long long)(up / 86400),
           (long long)(up / 3600 % 24), (long long)(up / 60 % 60),
           (long long)(up % 60), v->generation);
}

static void print_slots(const struct board_view *v)
{
    int64_t now = clock_mono_ms();

    printf("%-11s %3s %8s  %-8s %10s %8s %8s  %s\n", "role", "no", "process",
           "state", "requests", "memory", "busy", "with");
    for (int i = 0; i < v->n; i++) {
        const struct slot_view *s = &v->slots[i];

        printf("%-11s %3d %8d  %-8s %10llu", slot_role_name(s->role), s->number,
               s->pid, slot_state_name(s), (unsigned long long)s->requests);
        if (s->rss_bytes >= 0)
            printf(" %6.1f M", (double)s->rss_bytes / (1024 * 1024));
        else
            printf(" %8s", "?");
        if (s->state == SLOT_BUSY)
            printf(" %5lld ms  %s %s", (long long)(now - s->since_ms), s->route,
                   s->request_id);
        printf("\n");
    }
}

static void print_count(const char *what, int64_t n)
{
    if (n < 0)
        printf("  %-28s unknown\n", what);
    else
        printf("  %-28s %lld\n", what, (long long)n);
}

static void print_rest(const struct board_view *v, const struct pending *p)
{
    char what[64];

    printf("\npending\n");
    print_count("trips, of all hosts", p->records);
    for (enum debt_kind k = 0; k < DEBT_KINDS; k++) {
        snprintf(what, sizeof what, "%s, in this spool", debt_words(k));
        print_count(what, p->owed[k]);
    }
    if (p->err.st != ST_OK)
        printf("  (%s)\n", p->err.text);
    printf("\nnow\n");
    for (enum gauge g = 0; g < GAUGE_COUNT; g++)
        print_count(gauge_name(g), v->gauges[g]);
    printf("\ncounters since the start\n");
    for (enum counter s = 0; s < STAT_COUNT; s++)
        print_count(stat_name(s), (int64_t)v->counters[s]);
}

static bool print_json(const struct board_view *v, const struct pending *p)
{
    struct buf b;
    bool ok;

    buf_init(&b, JSON_MAX);
    report_json(v, p, &b);
    buf_putc(&b, '\n');
    ok = buf_ok(&b) && fwrite(b.p, 1, b.n, stdout) == b.n;
    buf_free(&b);
    return ok;
}

/* When the stores cannot even be opened, what is pending stays unknown, and
 * the processes are shown all the same. */
static void debts_count(const struct conf *c, struct pending *out)
{
    struct stores *s;

    pending_unknown(out);
    if (stores_open(c, &s, &out->err) != ST_OK)
        return;
    pending_count(s, deadline_in(COUNT_MS), out);
    stores_close(&s);
}

static bool print_all(const struct board_view *v, const struct pending *p)
{
    print_head(v);
    print_slots(v);
    print_rest(v, p);
    return !ferror(stdout);
}

int ctl_status(const struct ctl *ctl, int argc, char **argv)
{
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0, ok;
    struct err err = ERR_NONE;
    struct scoreboard *board;
    struct board_view view;
    struct pending pending;
    struct arena *a;

    if (argc > 1 + json)
        return CTL_USAGE;
    if (scoreboard_open(ctl->conf->server_scoreboard, &board, &err) != ST_OK)
        return ctl_complain(&err);
    a = arena_new(0);
    scoreboard_view(board, a, &view);
    debts_count(ctl->conf, &pending);
    ok = json ? print_json(&view, &pending) : print_all(&view, &pending);
    arena_free(&a);
    scoreboard_close(&board);
    return fflush(stdout) == 0 && ok ? CTL_DONE : CTL_FAILED;
}

#include <stdio.h>
#include <string.h>
#include "base/isotime.h"
#include "base/log.h"
#include "ctl/ctl.h"
#include "service/reconcile.h"
#include "store/installation.h"
#include "store/keys.h"

#define ONE_DRIVER_MS 600000
#define KNOW_MS 10000

static void print_report(const struct reconcile_report *r)
{
    printf("drivers looked at   %lld\n"
           "trips scored        %lld\n"
           "objects removed     %lld\n"
           "packs removed       %lld\n"
           "records moved on    %lld\n"
           "failures            %lld%s\n",
           (long long)r->drivers, (long long)r->trips_scored,
           (long long)r->objects_removed, (long long)r->packs_removed,
           (long long)r->records_moved, (long long)r->failures,
           r->failures ? " (in the log above; run it again)" : "");
    /* Seconds, upwards: who waits for less would be told the same again. */
    if (r->early)
        printf("too early           %lld (others may still be at work on them; "
               "again after %lld s)\n",
               (long long)r->early, (long long)(r->early_ms + 999) / 1000);
}

/* Some by name: who is to look needs a beginning, not a list of thousands. */
static void print_left(const struct reconcile_report *r)
{
    int64_t named =
        r->drivers_left < RECONCILE_LEFT ? r->drivers_left : RECONCILE_LEFT;

    if (r->drivers_left)
        printf("drivers left        %lld (something of theirs failed)\n",
               (long long)r->drivers_left);
    for (int64_t i = 0; i < named; i++)
        printf("  %s: %s\n", r->left[i].user_id, r->left[i].why);
    if (named < r->drivers_left)
        printf("  and %lld more\n", (long long)(r->drivers_left - named));
    if (r->drivers_untried)
        printf("drivers untried     %lld (the stores are away; run it again)\n",
               (long long)r->drivers_untried);
}

static void print_without_user(const struct reconcile_report *r)
{
    printf("without a user      %lld%s\n", (long long)r->without_user,
           r->without_user ? " (reconcile --orphans lists them)" : "");
}

static enum status print_id(void *ctx, struct str user_id)
{
    struct err *err = ctx;

    return printf("%.*s\n", STR_ARG(user_id)) > 0
               ? ST_OK
               : err_set(err, ST_UNAVAILABLE, NULL, "cannot print");
}

static enum status reconcile(struct call *c, const char *user_id,
                             struct reconcile_report *report)
{
    if (!user_id)
        return reconcile_all(c, report);
    if (!id_valid(str_of(user_id)))
        return err_set(c->err, ST_BAD_REQUEST, NULL, "%s is no user id",
                       user_id);
    c->user_id = str_of(user_id);
    c->deadline = deadline_in(ONE_DRIVER_MS);
    return reconcile_driver(c, report);
}

/* Without it, the longest time that a host's requests may take counts. */
static void know_hosts(struct stores *s)
{
    struct err err = ERR_NONE;

    if (installation_start(s, INSTALLATION_OPERATOR, deadline_in(KNOW_MS),
                           &err) != ST_OK)
        log_err(LOG_WARN, "installation_unknown", &err);
}

/* Nothing but the ids, and nothing is changed. */
static int list_orphans(const struct ctl *ctl)
{
    struct err err = ERR_NONE;
    struct call c = {.err = &err, .request_id = STR_LIT("reconcile")};
    enum status st = stores_open(ctl->conf, &c.stores, &err);

    if (st != ST_OK)
        return ctl_complain(&err);
    st = reconcile_orphans(&c, print_id, &err);
    stores_close(&c.stores);
    if (st != ST_OK)
        return ctl_complain(&err);
    return fflush(stdout) != 0 ? CTL_FAILED : CTL_DONE;
}

int ctl_reconcile(const struct ctl *ctl, int argc, char **argv)
{
    bool one = argc == 3 && strcmp(argv[1], "--user") == 0;
    struct reconcile_report report = {.drivers = 0};
    struct err err = ERR_NONE;
    struct call c = {.err = &err, .request_id = STR_LIT("reconcile")};
    enum status st;

    if (argc == 2 && strcmp(argv[1], "--orphans") == 0)
        return list_orphans(ctl);
    if (argc != 1 && !one)
        return CTL_USAGE;
    if (time_zones_check(&err) != ST_OK ||
        stores_open(ctl->conf, &c.stores, &err) != ST_OK)
        return ctl_complain(&err);
    know_hosts(c.stores);
    st = reconcile(&c, one ? argv[2] : NULL, &report);
    print_report(&report);
    print_left(&report);
    if (!one)
        print_without_user(&report);
    stores_close(&c.stores);
    if (st != ST_OK)
        return ctl_complain(&err);
    return report.failures || fflush(stdout) != 0 ? CTL_FAILED : CTL_DONE;
}

#include <stdio.h>
#include <string.h>
#include "ctl/ctl.h"
#include "service/reconcile.h"
#include "store/keys.h"

#define ONE_DRIVER_MS 600000

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
}

static enum status reconcile(struct service *s, const char *user_id,
                             struct reconcile_report *report, struct err *err)
{
    if (!user_id)
        return reconcile_all(s, report, err);
    if (!id_valid(str_of(user_id)))
        return err_set(err, ST_BAD_REQUEST, NULL, "%s is no user id", user_id);
    return reconcile_driver(s, str_of(user_id), deadline_in(ONE_DRIVER_MS),
                            report, err);
}

int ctl_reconcile(const struct ctl *ctl, int argc, char **argv)
{
    bool one = argc == 3 && strcmp(argv[1], "--user") == 0;
    struct reconcile_report report = {.drivers = 0};
    struct err err = ERR_NONE;
    struct service *s;
    enum status st;

    if (argc != 1 && !one)
        return CTL_USAGE;
    if (service_open(ctl->conf, &s, &err) != ST_OK)
        return ctl_complain(&err);
    st = reconcile(s, one ? argv[2] : NULL, &report, &err);
    print_report(&report);
    service_close(&s);
    if (st != ST_OK)
        return ctl_complain(&err);
    return report.failures || fflush(stdout) != 0 ? CTL_FAILED : CTL_DONE;
}

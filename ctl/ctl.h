/* ctl.h - driveguardctl's commands: one file and one line of main.c each. */
#ifndef DG_CTL_CTL_H
#define DG_CTL_CTL_H

#include <stdio.h>
#include "base/conf.h"
#include "base/err.h"

#define CTL_DONE 0
#define CTL_FAILED 1 /* the reason is on standard error */
#define CTL_USAGE 2

struct ctl {
    const char *conf_file; /* NULL: none, all defaults */
    const struct conf *conf;
    FILE *input; /* the command's file, if it reads one (main.c) */
};

/*
 * argv[0] is the command's name (its last word, for one of two words), then
 * its own arguments without -c FILE. A command returns one of the numbers
 * above; main prints the usage after CTL_USAGE.
 */
int ctl_status(const struct ctl *ctl, int argc, char **argv);
int ctl_config(const struct ctl *ctl, int argc, char **argv);
int ctl_user_put(const struct ctl *ctl, int argc, char **argv);
int ctl_user_list(const struct ctl *ctl, int argc, char **argv);
int ctl_user_show(const struct ctl *ctl, int argc, char **argv);
int ctl_user_remove(const struct ctl *ctl, int argc, char **argv);
int ctl_bucket_init(const struct ctl *ctl, int argc, char **argv);
int ctl_bucket_policy(const struct ctl *ctl, int argc, char **argv);
int ctl_tables_init(const struct ctl *ctl, int argc, char **argv);
int ctl_inspect(const struct ctl *ctl, int argc, char **argv);
int ctl_reconcile(const struct ctl *ctl, int argc, char **argv);

int ctl_complain(const struct err *err);
/*
    The text on standard error; returns CTL_FAILED.
 */

#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "ctl/ctl.h"
#include "store/owner.h"

/*
 * One line a command; `words` is its name, of one or two words. HOST: it works
 * on this host's state, as the user whose that is (store/owner.h). FILE_IN: its
 * argument is a file, which is opened before, since root alone may read it.
 */
enum { HOST = 1, FILE_IN = 2 };
static const struct command {
    const char *words, *args, *help;
    int needs;
    int (*run)(const struct ctl *ctl, int argc, char **argv);
} commands[] = {
    {"status", "[--json]", "shows workers, counters and pending work", HOST,
     ctl_status},
    {"config", "[--dump]", "checks the settings; --dump prints them", 0,
     ctl_config},
    {"user put", "FILE", "takes in users, also an export's (-: standard input)",
     HOST | FILE_IN, ctl_user_put},
    {"user list", "", "lists the users", HOST, ctl_user_list},
    {"user show", "ID", "prints one user, by id or e-mail", HOST,
     ctl_user_show},
    {"user remove", "ID", "forgets a user; trips and analyses stay", HOST,
     ctl_user_remove},
    {"bucket init", "[--without NAME]",
     "makes the bucket of objects.url, or sets it right", 0, ctl_bucket_init},
    {"bucket policy", "[service|operator]",
     "prints the least rights each needs, as IAM policies", 0,
     ctl_bucket_policy},
    {"tables init", "[--add-indexes]",
     "makes what is missing of the tables of [dynamodb]", 0, ctl_tables_init},
    {"inspect", "[--json] [--again]",
     "counts what is in the tables, before a migration", HOST, ctl_inspect},
    {"reconcile", "[--user ID|--orphans]",
     "completes what was left half done; --orphans only lists", HOST,
     ctl_reconcile},
};
#define COMMANDS (sizeof commands / sizeof *commands)

static int usage(void)
{
    fputs("usage: driveguardctl [-c FILE] COMMAND\n\n"
          "  FILE: the settings, by default " CONF_FILE "\n\n",
          stderr);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(stderr, "  %s %-*s %s\n", commands[i].words,
                (int)(28 - strlen(commands[i].words)), commands[i].args,
                commands[i].help);
    return CTL_USAGE;
}

int ctl_complain(const struct err *err)
{
    fprintf(stderr, "driveguardctl: %s\n", err->text);
    return CTL_FAILED;
}

/* Takes -c FILE out of the arguments, wherever it stands. */
static bool conf_option(int *argc, char **argv, const char **out)
{
    int to = 1;

    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "-c") != 0) {
            argv[to++] = argv[i];
            continue;
        }
        if (++i == *argc)
            return false;
        *out = argv[i];
    }
    argv[to] = NULL;
    *argc = to;
    return true;
}

/* How many of the arguments are the command's name; 0: another command. */
static int words_match(const char *words, int argc, char **argv)
{
    const char *blank = strchr(words, ' ');
    size_t n = blank ? (size_t)(blank - words) : strlen(words);

    if (strlen(argv[1]) != n || strncmp(argv[1], words, n) != 0)
        return 0;
    if (!blank)
        return 1;
    return argc > 2 && strcmp(argv[2], blank + 1) == 0 ? 2 : 0;
}

static enum status input_open(const char *path, FILE **out, struct err *err)
{
    *out = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!*out)
        return err_set(err, ST_BAD_REQUEST, NULL, "cannot open %s: %m", path);
    return ST_OK;
}

static enum status prepare(const struct command *cmd, struct ctl *ctl, int argc,
                           char **argv, struct err *err)
{
    enum status st = ST_OK;

    if (cmd->needs & HOST && !ctl->conf_file)
        fprintf(stderr,
                "driveguardctl: there is no " CONF_FILE
                ", so all settings are at their defaults (or say -c FILE)\n");
    if (cmd->needs & FILE_IN && argc == 2)
        st = input_open(argv[1], &ctl->input, err);
    if (st == ST_OK && cmd->needs & HOST)
        st = owner_become(ctl->conf, err);
    return st;
}

static int run(const struct command *cmd, const char *conf_file, int argc,
               char **argv)
{
    struct arena *a = arena_new(0);
    struct conf *c = arena_alloc(a, sizeof *c);
    struct ctl ctl = {.conf_file = conf_choose(conf_file, CONF_FILE),
                      .conf = c};
    struct err err = ERR_NONE;
    int rc;

    if (conf_load(ctl.conf_file, a, c, &err) != ST_OK ||
        prepare(cmd, &ctl, argc, argv, &err) != ST_OK)
        rc = ctl_complain(&err);
    else
        rc = cmd->run(&ctl, argc, argv);
    if (ctl.input && ctl.input != stdin)
        fclose(ctl.input);
    arena_free(&a);
    return rc == CTL_USAGE ? usage() : rc;
}

int main(int argc, char **argv)
{
    const char *conf_file = NULL;

    log_open("stderr", LOG_WARN, "ctl");
    if (!conf_option(&argc, argv, &conf_file) || argc < 2)
        return usage();
    for (size_t i = 0; i < COMMANDS; i++) {
        int n = words_match(commands[i].words, argc, argv);

        if (n > 0)
            return run(&commands[i], conf_file, argc - n, argv + n);
    }
    return usage();
}

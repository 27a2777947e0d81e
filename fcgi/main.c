#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/isotime.h"
#include "base/log.h"
#include "fcgi/master.h"
#include "store/owner.h"
#include "store/stores.h"

#define CHECK_MS 5000
#define EXIT_USAGE 2

static const char usage[] =
    "usage: driveguard-fcgi [-c FILE] [-t | --dump-config]\n"
    "\n"
    "  -c FILE        configuration (default " CONF_FILE ",\n"
    "                 if it is there; else all settings are at their "
    "defaults)\n"
    "  -t             check the configuration and each backend, then exit\n"
    "  --dump-config  print all settings as they are in effect, then exit\n"
    "  --version      print the version\n"
    "  --help         print this\n"
    "\n"
    "Runs in the foreground. SIGHUP loads the configuration again, SIGTERM\n"
    "ends after the requests in hand, a second SIGTERM at once.\n";

enum task { TASK_SERVE, TASK_CHECK, TASK_DUMP, TASK_VERSION, TASK_HELP };

struct options {
    const char *conf_file; /* NULL: none */
    enum task task;
};

static bool options_read(int argc, char **argv, struct options *out)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"test", no_argument, NULL, 't'},
        {"dump-config", no_argument, NULL, 'd'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int c;

    *out = (struct options){NULL, TASK_SERVE};
    while ((c = getopt_long(argc, argv, "c:th", longs, NULL)) != -1)
        switch (c) {
        case 'c':
            out->conf_file = optarg;
            break;
        case 't':
            out->task = TASK_CHECK;
            break;
        case 'd':
            out->task = TASK_DUMP;
            break;
        case 'v':
            out->task = TASK_VERSION;
            break;
        case 'h':
            out->task = TASK_HELP;
            break;
        default:
            return false;
        }
    return optind == argc;
}

static int complain(const struct err *err)
{
    fprintf(stderr, "driveguard-fcgi: %s\n", err->text);
    return EXIT_FAILURE;
}

static int dump(const struct conf *c)
{
    struct buf b;
    bool ok;

    buf_init(&b, 1024 * 1024);
    conf_dump(c, true, &b);
    ok =
        buf_ok(&b) && fwrite(b.p, 1, b.n, stdout) == b.n && fflush(stdout) == 0;
    buf_free(&b);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void check_print(const struct store_state *s)
{
    const char *word = s->required ? "failed: " : "failed (not required): ";

    if (!s->ok)
        printf("%s: %s%s\n", s->name, word, s->err.text);
    else if (s->warning.st != ST_OK)
        printf("%s: ok, with a warning: %s\n", s->name, s->warning.text);
    else
        printf("%s: ok\n", s->name);
}

static bool right_print(enum right r, const struct tried *t)
{
    static const char *const found[] = {[FOUND_THERE] = "ok",
                                        [FOUND_REFUSED] = "refused: ",
                                        [FOUND_UNTOLD] = "cannot be told: "};
    const struct right_text *x = right_text(r);

    if (t->found == FOUND_UNTRIED)
        return true;
    printf("  %s on %s: %s%s\n", x->action, right_place_text(x->place),
           found[t->found], t->err.text);
    return t->found != FOUND_REFUSED;
}

/* Each one of the policy's that could be tried; false when one is refused. */
static bool rights_print(const struct tried *tried)
{
    bool all = true;

    for (int r = 0; r < RIGHTS; r++)
        all = right_print((enum right)r, &tried[r]) && all;
    if (!all)
        puts("What the service needs: driveguardctl bucket policy service");
    return all;
}

static int check(const char *path, const struct conf *c)
{
    struct store_state state[STORES_CHECKED];
    struct tried tried[RIGHTS];
    struct err err = ERR_NONE;
    struct stores *s;
    bool ready;

    if (owner_become(c, &err) != ST_OK || stores_open(c, &s, &err) != ST_OK)
        return complain(&err);
    ready = stores_ready(s, deadline_in(CHECK_MS), state, tried);
    printf("configuration: %s is valid\n", path ? path : "the default");
    for (int i = 0; i < STORES_CHECKED; i++)
        check_print(&state[i]);
    ready = rights_print(tried) && ready;
    stores_close(&s);
    return ready && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(const struct options *o)
{
    struct arena *a = arena_new(0);
    struct conf *c = arena_alloc(a, sizeof *c);
    const char *file = conf_choose(o->conf_file, CONF_FILE);
    struct err err = ERR_NONE;
    int rc;

    if (conf_load(file, a, c, &err) != ST_OK)
        rc = complain(&err);
    else if (o->task == TASK_DUMP)
        rc = dump(c);
    else if (time_zones_check(&err) != ST_OK)
        rc = complain(&err);
    else if (o->task == TASK_SERVE)
        return master_run(file, c, a);
    else
        rc = check(file, c);
    arena_free(&a);
    return rc;
}

int main(int argc, char **argv)
{
    struct options o;

    if (!options_read(argc, argv, &o)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    switch (o.task) {
    case TASK_HELP:
        fputs(usage, stdout);
        return EXIT_SUCCESS;
    case TASK_VERSION:
        puts("driveguard-fcgi " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    case TASK_SERVE:
    case TASK_CHECK:
    case TASK_DUMP:
        break;
    }
    return run(&o);
}

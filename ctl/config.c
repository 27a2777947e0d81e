#include <stdio.h>
#include <string.h>
#include "ctl/ctl.h"

#define DUMP_MAX (1024 * 1024)

int ctl_config(const struct ctl *ctl, int argc, char **argv)
{
    struct buf b;
    bool ok;

    if (argc > 2 || (argc == 2 && strcmp(argv[1], "--dump") != 0))
        return CTL_USAGE;
    if (argc == 1) {
        printf("%s is valid\n",
               ctl->conf_file ? ctl->conf_file : "the default");
        return CTL_DONE;
    }
    buf_init(&b, DUMP_MAX);
    conf_dump(ctl->conf, true, &b);
    ok =
        buf_ok(&b) && fwrite(b.p, 1, b.n, stdout) == b.n && fflush(stdout) == 0;
    buf_free(&b);
    return ok ? CTL_DONE : CTL_FAILED;
}

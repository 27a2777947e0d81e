#include "fcgi/errand.h"

#include <sys/wait.h>
#include <unistd.h>
#include "fcgi/worker.h"

bool errand_run(const struct errand *e)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        log_role(e->role);
        alarm(e->seconds);
        _exit(e->run(e->ctx));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        log_line(e->level, e->event, "error=\"%m\"");
        return false;
    }
    if (WIFSIGNALED(status)) /* else it has said what is wrong */
        log_line(e->level, e->event, "signal=%d text=\"%s\"", WTERMSIG(status),
                 WTERMSIG(status) == SIGALRM ? e->hangs : e->crashes);
    return WIFEXITED(status) && WEXITSTATUS(status) == CHILD_DONE;
}

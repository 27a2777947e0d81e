#include "fcgi/agree.h"

#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "fcgi/worker.h"
#include "service/service.h"
#include "store/installation.h"

#define AGREE_SECONDS 10
#define AGREE_MS 3000

static int agree_in_child(const struct conf *c, struct scoreboard *board)
{
    struct err err = ERR_NONE;
    struct service *s;
    enum status st = service_open(c, &s, &err);

    if (st == ST_OK) {
        s->stores->agreed = scoreboard_agreed(board);
        st = installation_start(s->stores, INSTALLATION_HOST,
                                deadline_in(AGREE_MS), &err);
        service_close(&s);
    }
    if (st == ST_OK)
        return CHILD_DONE;
    log_err(LOG_WARN, "installation_unknown", &err);
    return CHILD_FAILED;
}

/* In a process of its own: the master opens no store. */
void agree_with_hosts(const struct conf *c, struct scoreboard *board)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        log_role("agree");
        alarm(AGREE_SECONDS);
        _exit(agree_in_child(c, board));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        log_line(LOG_WARN, "installation_unknown", "error=\"%m\"");
    else if (WIFSIGNALED(status))
        log_line(LOG_WARN, "installation_unknown", "signal=%d",
                 WTERMSIG(status));
}

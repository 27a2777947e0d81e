#include "fcgi/process.h"

#include <assert.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "base/log.h"

/*
 * Memory of a big answer must not stay with a worker for its life. glibc
 * would raise the size from which it maps a block to that of the largest ever
 * freed, and keep all of it below: fixed sizes turn that off.
 */
#define MALLOC_MMAP_FROM (512 * 1024)
#define MALLOC_TRIM_FROM (1024 * 1024)

static volatile sig_atomic_t stopping, draining;

static void on_signal(int number)
{
    stopping = 1;
    if (number == PROCESS_DRAIN)
        draining = 1;
}

/* A busy worker never waits, so the signals are fetched here as well. */
bool process_stopping(void)
{
    const struct timespec now = {0};
    sigset_t set;
    int number;

    sigemptyset(&set);
    sigaddset(&set, PROCESS_STOP);
    sigaddset(&set, PROCESS_DRAIN);
    while ((number = sigtimedwait(&set, NULL, &now)) > 0)
        on_signal(number);
    return stopping;
}

bool process_draining(void)
{
    return draining;
}

void process_mask(sigset_t *out)
{
    static const int numbers[] = {SIGTERM, SIGQUIT, SIGINT,
                                  SIGHUP,  SIGUSR1, SIGCHLD};

    sigemptyset(out);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(out, numbers[i]);
}

bool process_begin(const struct process *p)
{
    int rc;

    log_role(slot_role_name(p->role));
    stats_use(scoreboard_stats(p->board, p->slot));
    scoreboard_pid(p->board, p->slot, getpid());
    /* Advice: the sanitizers' and valgrind's allocators do not take it. */
    mallopt(M_MMAP_THRESHOLD, MALLOC_MMAP_FROM);
    mallopt(M_TRIM_THRESHOLD, MALLOC_TRIM_FROM);
    /* Not SIGKILL: what is in hand may be finished. The master may have died
     * before this line; then nobody would send the signal. */
    rc = prctl(PR_SET_PDEATHSIG, PROCESS_STOP);
    assert(rc == 0);
    return getppid() == p->master;
}

static int dear_places(const struct conf *c)
{
    int64_t n =
        c->server_dear_workers ? c->server_dear_workers : c->server_workers / 2;

    return n < 1 ? 1 : (int)n;
}

enum status process_service(const struct process *p, struct service **out,
                            struct err *err)
{
    const struct group_place place = {p->group, p->slot};
    enum status st = service_open(p->conf, out, err);

    if (st != ST_OK)
        return st;
    stores_know((*out)->stores, scoreboard_agreed(p->board));
    (*out)->stores->sharer = (struct sharer){scoreboard_share(p->board),
                                             p->slot, dear_places(p->conf)};
    records_share((*out)->stores->records, &place);
    return ST_OK;
}

void process_signals(void)
{
    struct sigaction stop = {.sa_handler = on_signal}; /* no SA_RESTART */
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    static const int ignored[] = {
        SIGPIPE,        /* a client that hung up is an error of write() */
        SIGUSR1,        /* FCGX_Init makes it end the process */
        SIGINT, SIGHUP, /* a terminal sends these to all; the master decides */
    };

    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        sigaction(ignored[i], &ignore, NULL);
    sigaction(PROCESS_STOP, &stop, NULL);
    sigaction(PROCESS_DRAIN, &stop, NULL);
}

const sigset_t *process_wait_mask(void)
{
    static sigset_t none;

    sigemptyset(&none);
    return &none;
}

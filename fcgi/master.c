/*
 * The master reads no request, no connection and, once it runs, no settings
 * file (trial.h), so nothing that comes from outside can bring it down. Its
 * signals are blocked except while it waits; the handlers set flags, and the
 * loop acts on them:
 *
 *   SIGCHLD                 collect, replace (crew.c)
 *   SIGHUP                  load the configuration; if it is good, new children
 *                           first, then the old ones are retired
 *   SIGUSR1                 open the log file again
 *   SIGTERM SIGQUIT SIGINT  drain and end; the second time: end at once
 */
#include "config.h"
#include "fcgi/master.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/once.h"
#include "fcgi/agree.h"
#include "fcgi/crew.h"
#include "fcgi/listen.h"
#include "fcgi/maintenance.h"
#include "fcgi/notify.h"
#include "fcgi/process.h"
#include "fcgi/sender.h"
#include "fcgi/trial.h"
#include "fcgi/worker.h"
#include "store/cache.h"
#include "store/refusals.h"

/* One a process, like the signals whose handlers use it. */
static struct master {
    pid_t pid;
    const char *conf_file;
    const struct conf *conf;
    struct arena *memory; /* of conf */
    unsigned generation;
    struct listener service, monitor;
    struct handover_channel channel, kept;
    struct scoreboard *board;
    struct group_commit *group;
    struct crew *crew;
    bool announced; /* that all are ready */
    bool stopping;
} master;

static volatile sig_atomic_t got_stop, got_reload, got_reopen;

static void on_signal(int number)
{
    switch (number) {
    case SIGHUP:
        got_reload = 1;
        break;
    case SIGUSR1:
        got_reopen = 1;
        break;
    case SIGCHLD:
        break; /* waking up is enough */
    default:
        got_stop++;
    }
}

static void signals_install(void)
{
    struct sigaction act = {.sa_handler = on_signal};
    static const int numbers[] = {SIGTERM, SIGQUIT, SIGINT,
                                  SIGHUP,  SIGUSR1, SIGCHLD};
    sigset_t mask;

    process_mask(&mask);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &act, NULL);
    act.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &act, NULL);
}

/* Of the channel each role keeps what it uses: the sender both, to hand back
 * what it leaves. */
static struct handover_channel channel_of(enum slot_role role)
{
    struct handover_channel *c = &master.channel, not_mine = {-1, -1};

    if (role == ROLE_SENDER)
        return *c;
    not_mine.take = c->take;
    c->take = -1;
    handover_close(&not_mine);
    if (role != ROLE_WORKER)
        handover_close(c);
    return *c;
}

/* Workers give and take, and the sender gives. */
static struct handover_channel kept_channel_of(enum slot_role role)
{
    if (role != ROLE_WORKER && role != ROLE_SENDER)
        handover_close(&master.kept);
    return master.kept;
}

/* In the child: which of the four it is. */
static int child_main(const struct conf *c, int slot, enum slot_role role)
{
    struct process p = {.conf = c,
                        .board = master.board,
                        .group = master.group,
                        .role = role,
                        .slot = slot,
                        .listen_fd = -1,
                        .master = master.pid};

    if (!process_begin(&p))
        return CHILD_DONE;
    /* Held here, a socket would take connections that nobody answers when the
     * master and those who serve it are gone. */
    if (role != ROLE_WORKER)
        listen_close(&master.service);
    if (role != ROLE_MONITOR)
        listen_close(&master.monitor);
    p.channel = channel_of(role);
    p.kept = kept_channel_of(role);
    p.listen_fd = role == ROLE_WORKER ? master.service.fd : master.monitor.fd;
    switch (role) {
    case ROLE_MAINTENANCE:
        return maintenance_run(&p);
    case ROLE_SENDER:
        return sender_run(&p);
    case ROLE_WORKER:
    case ROLE_MONITOR:
    case ROLE_COUNT:
        break;
    }
    return worker_run(&p);
}

/* ---- configuration ---- */

static void warn_fixed(const char *key, bool changed)
{
    if (changed)
        log_line(LOG_WARN, "needs_restart",
                 "key=%s text=\"the new value counts after a restart\"", key);
}

static void warn_all_fixed(const struct conf *was, const struct conf *is)
{
#define FIXED(key)                                                             \
    warn_fixed("server." #key, strcmp(was->server_##key, is->server_##key) != 0)
    FIXED(listen);
    FIXED(status_listen);
    FIXED(scoreboard);
#undef FIXED
    warn_fixed("server.socket_mode",
               was->server_socket_mode != is->server_socket_mode);
    warn_fixed("server.backlog", was->server_backlog != is->server_backlog);
}

static void reload(void)
{
    struct arena *a = arena_new(0);
    struct conf *c = arena_alloc(a, sizeof *c);

    notify_reloading();
    if (!trial_file(master.conf_file, a, c)) {
        log_line(LOG_ERROR, "reload_refused",
                 "text=\"the configuration before stays\" generation=%u",
                 master.generation);
        arena_free(&a);
        log_reopen();
        notify_ready();
        return;
    }
    warn_all_fixed(master.conf, c);
    master.generation++;
    trial_log_open(c, "master");
    log_line(LOG_INFO, "reload", "generation=%u", master.generation);
    scoreboard_generation(master.board, master.generation);
    if (strcmp(master.conf->objects_url, c->objects_url) != 0 ||
        strcmp(master.conf->records_url, c->records_url) != 0)
        agree_on_others(master.board);
    agree_with_hosts(c, master.board);
    crew_staff(master.crew, c, master.generation);
    arena_free(&master.memory);
    master.memory = a;
    master.conf = c;
    master.announced = false;
}

/* ---- start and end ---- */

static enum status socket_open(const struct conf *c, const char *path,
                               struct listener *out, struct err *err)
{
    return listen_unix(path, (mode_t)c->server_socket_mode,
                       (int)c->server_backlog, out, err);
}

static enum status sockets_open(const struct conf *c, struct err *err)
{
    enum status st;
    bool found;

    master.service.fd = master.monitor.fd = -1;
    st = listen_inherited(&master.service, &found, err);
    if (st == ST_OK && !found)
        st = socket_open(c, c->server_listen, &master.service, err);
    if (st == ST_OK)
        st = socket_open(c, c->server_status_listen, &master.monitor, err);
    return st;
}

static void sockets_close(void)
{
    listen_unlink(&master.service);
    listen_unlink(&master.monitor);
    listen_close(&master.service);
    listen_close(&master.monitor);
}

static void crew_end(void)
{
    log_line(LOG_INFO, "stopping", NULL);
    notify_stopping();
    master.stopping = true;
    /* Without a name nobody new can come, so the queue has an end. What was
     * inherited goes on queueing for whoever serves it next. */
    listen_unlink(&master.service);
    /* Nobody comes who would take a kept connection over: each worker ends its
     * own. */
    handover_shut(&master.kept);
    crew_stop(master.crew, master.service.own);
}

static void act_on_signals(void)
{
    if (got_stop > 0 && !master.stopping)
        crew_end();
    if (got_stop > 1)
        crew_kill(master.crew);
    if (got_reopen) {
        got_reopen = 0;
        log_reopen();
    }
    if (got_reload) {
        got_reload = 0;
        if (!master.stopping)
            reload();
    }
}

static void announce(void)
{
    if (master.announced || master.stopping || !crew_settled(master.crew))
        return;
    master.announced = true;
    log_line(LOG_INFO, "ready", "generation=%u workers=%lld", master.generation,
             (long long)master.conf->server_workers);
    notify_ready();
}

static void master_loop(void)
{
    do {
        int ms;
        struct timespec pause;

        act_on_signals();
        crew_reap(master.crew);
        crew_tick(master.crew);
        announce();
        ms = crew_pause_ms(master.crew);
        pause = (struct timespec){ms / 1000, ms % 1000 * 1000000L};
        if (!crew_gone(master.crew) &&
            ppoll(NULL, 0, &pause, process_wait_mask()) < 0)
            assert(errno == EINTR);
    } while (!master.stopping || !crew_gone(master.crew));
}

static enum status master_open(const struct conf *c, struct err *err)
{
    enum status st = sockets_open(c, err);

    master.channel = master.kept = (struct handover_channel){-1, -1};
    if (st == ST_OK)
        st = handover_open(&master.channel, err);
    if (st == ST_OK)
        st = handover_open(&master.kept, err);
    if (st == ST_OK)
        st = scoreboard_create(c->server_scoreboard, &master.board, err);
    if (st != ST_OK) {
        handover_close(&master.channel);
        handover_close(&master.kept);
        sockets_close();
    }
    return st;
}

int master_run(const char *conf_file, const struct conf *c,
               struct arena *memory)
{
    struct err err = ERR_NONE;

    master.pid = getpid();
    master.conf_file = conf_file;
    master.conf = c;
    master.memory = memory;
    master.generation = 1;
    log_role("master");
    signals_install();
    log_never_wait();
    /* Until here the log is stderr, where whoever starts us looks. */
    if (!trial_settings(c) || master_open(c, &err) != ST_OK) {
        if (err.st != ST_OK)
            log_err(LOG_ERROR, "start_failed", &err);
        arena_free(&master.memory);
        return EXIT_FAILURE;
    }
    trial_log_open(c, "master");
    once_share();
    cache_share();
    refusals_share();
    log_line(LOG_INFO, "start", "version=%s settings=\"%s\"", PACKAGE_VERSION,
             conf_file ? conf_file : "all at their defaults");
    agree_with_hosts(c, master.board);
    master.group = group_commit_new(SCOREBOARD_SLOTS);
    if (!master.group)
        log_line(LOG_WARN, "no_group_commit",
                 "error=\"%m\" text=\"each worker writes for itself: slower\"");
    master.crew = crew_new(master.board, child_main);
    crew_staff(master.crew, c, master.generation);
    master_loop();
    log_line(LOG_INFO, "stopped", NULL);
    handover_close(&master.channel);
    handover_close(&master.kept);
    sockets_close();
    scoreboard_remove(master.board);
    scoreboard_close(&master.board);
    crew_free(&master.crew);
    group_commit_free(&master.group);
    arena_free(&master.memory);
    return EXIT_SUCCESS;
}

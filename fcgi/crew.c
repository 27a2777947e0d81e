#include "fcgi/crew.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "fcgi/process.h"

#define OTHERS 3                 /* maintenance, sender, monitor */
#define POSTS_MAX (512 + OTHERS) /* server.workers at most, and these */
#define START_MS 30000           /* to open the service; longer is stuck */
#define GRACE_MS 2000            /* past a deadline, and between two blows */
#define HEALTHY_MS 10000         /* who lived so long did not fail at start */
#define BACKOFF_MIN_MS 100
/* All may be waiting when what killed them is over: clients wait no longer. */
#define BACKOFF_MAX_MS 1000
#define REPEAT_MS 200 /* a signal to stop is sent again */
#define IDLE_MS 1000  /* between two looks for who is stuck */
#define QUICK_MS 20   /* the same while something is under way */
/* Somebody may stop a process for a look; longer, and it is replaced. */
#define STOPPED_MS 3000
/* Who is idle shows itself once a second. Counted in looks and not in time:
 * when the whole machine was halted, nobody has been silent. */
#define SILENT_LOOKS 10

struct child {
    pid_t pid; /* 0: none */
    enum slot_role role;
    int number;
    bool outgoing;
    int64_t started_ms, timeout_ms; /* of a request, by its configuration */
    int stop_signal;                /* 0: not retired */
    int64_t signal_at_ms;
    int64_t kill_at_ms; /* 0: not yet */
    bool aborted;       /* was stuck */
    int64_t stopped_ms; /* by SIGSTOP and its like, since then; 0: it is not */
    int64_t alive_ms, looked_ms;
    int silent; /* looks without a sign of life */
};

struct post {
    enum slot_role role;
    int number;
    int slot; /* of its child, -1: vacant */
    int64_t not_before_ms, backoff_ms;
};

struct crew {
    struct scoreboard *board;
    crew_main child_main;
    const struct conf *conf;
    unsigned generation;
    bool stopping;
    int64_t stopped_ms; /* when it began to */
    struct post posts[POSTS_MAX];
    int n_posts;
    struct child children[SCOREBOARD_SLOTS]; /* by slot */
};

struct crew *crew_new(struct scoreboard *b, crew_main child_main)
{
    struct crew *c = calloc(1, sizeof *c);

    assert(c);
    c->board = b;
    c->child_main = child_main;
    return c;
}

void crew_free(struct crew **c)
{
    free(*c);
    *c = NULL;
}

/* ---- telling children to go ---- */

static void child_signal(const struct child *k, int number)
{
    /* It is ours and not yet reaped, so the process id is still its own. */
    if (kill(k->pid, number) != 0)
        log_line(LOG_ERROR, "kill_failed", "child=%d error=\"%m\"", k->pid);
}

/*
 * A worker has the time of a request, and of what it left for after its answer.
 * The sender goes after the workers, and has what they leave of that: systemd
 * waits no longer. At a reload it only hands back, which is quick.
 */
static int64_t retire_by(const struct crew *c, const struct child *k,
                         int64_t now)
{
    if (k->role == ROLE_WORKER)
        return now + 2 * k->timeout_ms;
    if (k->role == ROLE_SENDER && c->stopping)
        return c->stopped_ms + 2 * k->timeout_ms;
    return now;
}

static void child_retire(struct crew *c, int slot, int number)
{
    struct child *k = &c->children[slot];
    int64_t now = clock_mono_ms();

    if (k->stop_signal != 0)
        return;
    k->stop_signal = number;
    k->signal_at_ms = now + REPEAT_MS;
    if (k->kill_at_ms == 0)
        k->kill_at_ms = GRACE_MS + retire_by(c, k, now);
    scoreboard_draining(c->board, slot);
    child_signal(k, number);
}

/* Past what it was doing by more than the grace: shown with the request, and
 * ended so that a core tells where it hung. */
static bool child_stuck(struct crew *c, int slot, int64_t now)
{
    struct child *k = &c->children[slot];
    struct slot_view v;

    scoreboard_slot(c->board, slot, &v);
    if ((v.state != SLOT_BUSY && v.state != SLOT_STARTING) ||
        v.deadline.at_ms + GRACE_MS > now)
        return false;
    log_line(LOG_ERROR, "child_stuck",
             "child=%d role=%s number=%d route=\"%s\" request_id=%s ms=%lld",
             k->pid, slot_role_name(k->role), k->number, v.route,
             v.request_id[0] ? v.request_id : "none",
             (long long)(now - v.since_ms));
    return true;
}

/* It waits for nothing and hears nothing. */
static bool child_silent(struct crew *c, int slot, int64_t now)
{
    struct child *k = &c->children[slot];
    struct slot_view v;

    if (now - k->looked_ms < IDLE_MS)
        return false;
    k->looked_ms = now;
    scoreboard_slot(c->board, slot, &v);
    if (v.state != SLOT_IDLE || v.alive_ms != k->alive_ms) {
        k->alive_ms = v.alive_ms;
        k->silent = 0;
        return false;
    }
    if (++k->silent < SILENT_LOOKS)
        return false;
    log_line(LOG_ERROR, "child_silent", "child=%d role=%s number=%d ms=%lld",
             k->pid, slot_role_name(k->role), k->number,
             (long long)(now - v.alive_ms));
    return true;
}

static bool child_stopped_long(const struct child *k, int64_t now)
{
    return k->stopped_ms != 0 && now - k->stopped_ms >= STOPPED_MS;
}

static void child_watch(struct crew *c, int slot, int64_t now)
{
    struct child *k = &c->children[slot];

    /* It would hear no other signal. */
    if (child_stopped_long(k, now) && k->kill_at_ms == 0)
        k->kill_at_ms = now;
    if (k->kill_at_ms != 0 && now >= k->kill_at_ms) {
        log_line(LOG_ERROR, "child_killed", "child=%d role=%s number=%d",
                 k->pid, slot_role_name(k->role), k->number);
        k->kill_at_ms = now + GRACE_MS;
        child_signal(k, SIGKILL);
    } else if (!k->aborted &&
               (child_stuck(c, slot, now) || child_silent(c, slot, now))) {
        k->aborted = true;
        k->kill_at_ms = now + GRACE_MS;
        child_signal(k, SIGABRT);
    } else if (k->stop_signal != 0 && now >= k->signal_at_ms) {
        /* Once can be too early for it to listen. */
        k->signal_at_ms = now + REPEAT_MS;
        child_signal(k, k->stop_signal);
    }
}

/* ---- posts and their children ---- */

static bool post_ready(const struct crew *c, const struct post *p)
{
    struct slot_view v;

    if (p->slot < 0)
        return false;
    scoreboard_slot(c->board, p->slot, &v);
    return v.state == SLOT_IDLE || v.state == SLOT_BUSY;
}

static bool posts_ready(const struct crew *c)
{
    for (int i = 0; i < c->n_posts; i++)
        if (!post_ready(c, &c->posts[i]))
            return false;
    return true;
}

static bool any_outgoing(const struct crew *c)
{
    for (int i = 0; i < SCOREBOARD_SLOTS; i++)
        if (c->children[i].outgoing && c->children[i].stop_signal == 0)
            return true;
    return false;
}

bool crew_settled(const struct crew *c)
{
    return posts_ready(c) && !any_outgoing(c);
}

static void posts_set(struct crew *c, int workers)
{
    static const enum slot_role others[OTHERS] = {ROLE_MAINTENANCE, ROLE_SENDER,
                                                  ROLE_MONITOR};

    assert(workers + OTHERS <= POSTS_MAX);
    c->n_posts = workers + OTHERS;
    for (int i = 0; i < c->n_posts; i++)
        c->posts[i] =
            (struct post){.role = ROLE_WORKER, .number = i, .slot = -1};
    for (int i = 0; i < OTHERS; i++)
        c->posts[workers + i] = (struct post){.role = others[i], .slot = -1};
}

void crew_staff(struct crew *c, const struct conf *conf, unsigned generation)
{
    /*
     * A reload before the last one was through: who came in between goes at
     * once (the oldest still serve), so that reload after reload does not
     * fill the scoreboard.
     */
    bool between = any_outgoing(c);

    for (int i = 0; i < SCOREBOARD_SLOTS; i++) {
        struct child *k = &c->children[i];

        if (k->pid == 0 || k->outgoing)
            continue;
        k->outgoing = true;
        if (between)
            child_retire(c, i, PROCESS_STOP);
    }
    c->conf = conf;
    c->generation = generation;
    posts_set(c, (int)conf->server_workers);
}

static void child_start(struct crew *c, struct post *p, int64_t now)
{
    pid_t pid;
    int slot = scoreboard_take(c->board, p->role, p->number, c->generation,
                               deadline_in(START_MS));

    p->not_before_ms = now + IDLE_MS; /* when this does not work out */
    if (slot < 0)
        return; /* all taken by those who are leaving */
    pid = fork();
    if (pid == 0)
        exit(c->child_main(c->conf, slot, p->role));
    if (pid < 0) {
        log_line(LOG_ERROR, "fork_failed", "error=\"%m\"");
        scoreboard_release(c->board, slot);
        return;
    }
    scoreboard_pid(c->board, slot, pid);
    c->children[slot] = (struct child){
        .pid = pid,
        .role = p->role,
        .number = p->number,
        .started_ms = now,
        .timeout_ms = c->conf->server_request_timeout,
    };
    p->slot = slot;
}

/* At once the first time, then ever later, until one lives for a while. */
static void post_vacant(struct post *p, bool crashed, int64_t lived_ms,
                        int64_t now)
{
    p->slot = -1;
    p->not_before_ms = now;
    if (!crashed || lived_ms >= HEALTHY_MS)
        p->backoff_ms = 0;
    if (!crashed)
        return;
    p->not_before_ms = now + p->backoff_ms;
    p->backoff_ms *= 2;
    if (p->backoff_ms < BACKOFF_MIN_MS)
        p->backoff_ms = BACKOFF_MIN_MS;
    if (p->backoff_ms > BACKOFF_MAX_MS)
        p->backoff_ms = BACKOFF_MAX_MS;
}

static void log_crash(const struct crew *c, int slot, int status)
{
    const struct child *k = &c->children[slot];
    struct slot_view v;

    scoreboard_slot(c->board, slot, &v);
    log_line(LOG_ERROR, "child_crashed",
             "child=%d role=%s number=%d %s=%d route=\"%s\" request_id=%s",
             k->pid, slot_role_name(k->role), k->number,
             WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
             v.state == SLOT_BUSY ? v.route : "",
             v.state == SLOT_BUSY && v.request_id[0] ? v.request_id : "none");
}

static void child_ended(struct crew *c, int slot, int status)
{
    struct child *k = &c->children[slot];
    int64_t now = clock_mono_ms();
    bool crashed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;

    if (crashed)
        log_crash(c, slot, status);
    for (int i = 0; i < c->n_posts; i++)
        if (c->posts[i].slot == slot)
            post_vacant(&c->posts[i], crashed, now - k->started_ms, now);
    *k = (struct child){.pid = 0};
    scoreboard_release(c->board, slot);
}

/* Also told when a child is stopped, or goes on. */
static void child_changed(struct crew *c, int slot, int status)
{
    struct child *k = &c->children[slot];

    if (WIFSTOPPED(status)) {
        k->stopped_ms = clock_mono_ms();
        log_line(LOG_WARN, "child_stopped",
                 "child=%d role=%s number=%d signal=%d", k->pid,
                 slot_role_name(k->role), k->number, WSTOPSIG(status));
    } else if (WIFCONTINUED(status)) {
        k->stopped_ms = 0;
    } else {
        child_ended(c, slot, status);
    }
}

void crew_reap(struct crew *c)
{
    pid_t pid;
    int status;

    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0)
        for (int i = 0; i < SCOREBOARD_SLOTS; i++)
            if (c->children[i].pid == pid)
                child_changed(c, i, status);
}

/* ---- the round ---- */

static void retire_outgoing(struct crew *c)
{
    for (int i = 0; i < SCOREBOARD_SLOTS; i++)
        if (c->children[i].pid != 0 && c->children[i].outgoing)
            child_retire(c, i, PROCESS_STOP);
}

static void retire_role(struct crew *c, enum slot_role role, int number)
{
    for (int i = 0; i < SCOREBOARD_SLOTS; i++)
        if (c->children[i].pid != 0 && c->children[i].role == role)
            child_retire(c, i, number);
}

static bool role_gone(const struct crew *c, enum slot_role role)
{
    for (int i = 0; i < SCOREBOARD_SLOTS; i++)
        if (c->children[i].pid != 0 && c->children[i].role == role)
            return false;
    return true;
}

/* At the end: the workers hand over to the sender till they go, and whoever
 * wants to see it asks the monitor. */
static void retire_last(struct crew *c)
{
    if (!role_gone(c, ROLE_WORKER))
        return;
    retire_role(c, ROLE_SENDER, PROCESS_DRAIN);
    if (role_gone(c, ROLE_SENDER) && role_gone(c, ROLE_MAINTENANCE))
        retire_role(c, ROLE_MONITOR, PROCESS_STOP);
}

void crew_tick(struct crew *c)
{
    int64_t now = clock_mono_ms();

    for (int i = 0; i < SCOREBOARD_SLOTS; i++)
        if (c->children[i].pid != 0)
            child_watch(c, i, now);
    if (c->stopping) {
        retire_last(c);
        return;
    }
    for (int i = 0; i < c->n_posts; i++)
        if (c->posts[i].slot < 0 && now >= c->posts[i].not_before_ms)
            child_start(c, &c->posts[i], now);
    if (posts_ready(c))
        retire_outgoing(c);
}

int crew_pause_ms(const struct crew *c)
{
    return c->stopping || !crew_settled(c) ? QUICK_MS : IDLE_MS;
}

void crew_stop(struct crew *c, bool drain)
{
    c->stopping = true;
    c->stopped_ms = clock_mono_ms();
    retire_role(c, ROLE_WORKER, drain ? PROCESS_DRAIN : PROCESS_STOP);
    retire_role(c, ROLE_MAINTENANCE, PROCESS_STOP);
}

void crew_kill(struct crew *c)
{
    for (int i = 0; i < SCOREBOARD_SLOTS; i++)
        if (c->children[i].pid != 0)
            child_signal(&c->children[i], SIGKILL);
}

bool crew_gone(const struct crew *c)
{
    for (int i = 0; i < SCOREBOARD_SLOTS; i++)
        if (c->children[i].pid != 0)
            return false;
    return true;
}

#include "fcgi/worker.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/stats.h"
#include "fcgi/kept.h"
#include "fcgi/respond.h"
#include "fcgi/routes.h"

#define ARENA_KEEP (1024 * 1024)
/* A request that used more leaves holes in the heap; they are given back. */
#define TRIM_FROM (4 * 1024 * 1024)
/* See work_wait. */
#define LOOK_AGAIN_MS 1000
/* Before the next try when the machine has no descriptors or memory left. */
#define EXHAUSTED_MS 100
/* Names in our epoll; those of kept connections are larger (kept.h). */
#define QUEUE 1
#define CHANNEL 2
/* At once; the rest comes with the next look. */
#define EVENTS 16
#define TAKEN_AT_ONCE 4
/* Requests between two looks at what others have: it reads all their slots. */
#define SHARE_EVERY 64

struct worker {
    const struct process *process;
    struct service *service;
    struct request *request;
    struct arena *arena;
    int epoll_fd;
    struct kept *kept;
    bool taken; /* what is served is one of these */
    int left;   /* or, when there are too many of them: to be ended; -1 */
    uint64_t served;
    bool queue;    /* somebody may wait at the listening socket */
    bool new_last; /* had the last turn */
};

/* ---- one request ---- */

/* The one that is being answered, for who finds no memory left for it. */
static struct exchange *answering;
static struct kept *beside_it;

/*
 * Nothing of it can be undone, so the process goes, as in a crash, and another
 * takes its place at once. But its client hears that it may come again.
 */
static void out_of_memory(void)
{
    struct exchange *x = answering;

    stat_add(STAT_out_of_memory, 1);
    respond_out_of_memory(x);
    log_line(LOG_INFO, "request", "status=%s", x->http ? "0 cut=yes" : "503");
    while (kept_give(beside_it))
        continue;
    _exit(CHILD_DONE);
}

static void answer_begin(struct exchange *x)
{
    answering = x;
    memory_last_words(out_of_memory);
}

static void answer_over(void)
{
    memory_last_words(NULL);
    answering = NULL;
}

/* Ids of 8 to 64 letters, digits and '-' are taken over; others could forge
 * log lines. */
static bool id_usable(struct str id)
{
    if (id.n < 8 || id.n > 64)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
              (c >= 'a' && c <= 'z') || c == '-'))
            return false;
    }
    return true;
}

static struct str request_id(struct worker *w)
{
    static const char *const names[] = {"HTTP_X_REQUEST_ID", "REQUEST_ID"};
    char id[RANDOM_HEX + 1];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct str given = request_param(w->request, names[i]);

        if (id_usable(given))
            return arena_copy(w->arena, given);
    }
    random_hex(id);
    return arena_copy(w->arena, str_of(id));
}

/*
 * DOCUMENT_URI and SCRIPT_NAME are the path as the web server understood it
 * (decoded, rewritten); REQUEST_URI is as the client wrote it, for servers
 * that send nothing else, and for what nginx asks again (site.conf). Routes are
 * compared byte by byte, so there is nothing to decode here.
 */
static void read_target(struct exchange *x)
{
    static const char *const names[] = {"DOCUMENT_URI", "SCRIPT_NAME"};
    struct str uri = request_param(x->request, "REQUEST_URI");
    const char *mark = uri.n ? memchr(uri.p, '?', uri.n) : NULL;

    x->method = request_param(x->request, "REQUEST_METHOD");
    x->path = STR_NONE;
    for (size_t i = 0; i < 2 && x->path.n == 0; i++)
        x->path = request_param(x->request, names[i]);
    if (x->path.n == 0)
        x->path = (struct str){uri.p, mark ? (size_t)(mark - uri.p) : uri.n};
    x->query = request_param(x->request, "QUERY_STRING");
    if (!x->query.n && mark)
        x->query = str_of(mark + 1);
}

static void log_access(const struct exchange *x, int64_t started_us, bool whole)
{
    struct log_value method, path;
    char unsent[32] = "";

    if (whole && x->unsent) /* the rest_sent line says how it went on */
        snprintf(unsent, sizeof unsent, " unsent=%zu", x->unsent);
    log_line(LOG_INFO, "request",
             "method=%s path=%s status=%d bytes=%zu ms=%.1f%s%s",
             log_quoted(x->method, &method), log_quoted(x->path, &path),
             x->http, x->head ? 0 : x->sent,
             (double)(clock_mono_us() - started_us) / 1000,
             whole ? "" : " cut=yes", unsent);
}

/* It waits for its next request from here on, whatever its worker has still to
 * do for this one. */
static void conn_over(struct worker *w)
{
    int fd = request_release(w->request);

    if (w->taken && fd >= 0)
        kept_back(w->kept);
    else if (w->taken)
        kept_gone(w->kept);
    else if (fd >= 0 && !kept_add(w->kept, fd))
        w->left = fd;
    w->taken = false;
}

/* The answer has left, or its client; the request is still this worker's, in
 * the log and on the scoreboard. */
static void work_later(struct worker *w, struct later *later)
{
    const struct process *p = w->process;
    struct deadline d = deadline_in(p->conf->server_request_timeout);
    struct records *records = w->service->stores->records;

    if (!later->n && !records_upkeep_due(records))
        return;
    scoreboard_extend(p->board, p->slot, d);
    kept_leave(w->kept);
    later_run(later, d);
    if (records_upkeep_due(records))
        records_upkeep(records, d);
}

static void answer_one(struct worker *w, struct deadline deadline,
                       int64_t started_us)
{
    struct later later = {.n = 0};
    struct exchange x = {
        .process = w->process,
        .service = w->service,
        .request = w->request,
        .call = {.stores = w->service->stores,
                 .deadline = deadline,
                 .arena = w->arena,
                 .later = &later},
    };
    size_t used;
    bool whole;

    x.call.request_id = request_id(w);
    log_request(x.call.request_id);
    read_target(&x);
    scoreboard_request(w->process->board, w->process->slot, STR_NONE,
                       x.call.request_id);
    answer_begin(&x);
    routes_serve(&x);
    /* The parameters end with the request: the line needs them after it. */
    x.method = arena_copy(w->arena, x.method);
    x.path = arena_copy(w->arena, x.path);
    answer_over();
    whole = respond_end(&x);
    conn_over(w);
    log_access(&x, started_us, whole);
    work_later(w, &later);
    log_request(STR_NONE);
    used = arena_used(w->arena);
    arena_reset(w->arena);
    if (used > TRIM_FROM || x.length > TRIM_FROM)
        malloc_trim(0);
}

static void serve_one(struct worker *w, int fd)
{
    const struct process *p = w->process;
    int64_t timeout = p->conf->server_request_timeout;
    int64_t started_us = clock_mono_us();
    struct deadline deadline = deadline_in(timeout);

    kept_busy(w->kept);
    scoreboard_busy(p->board, p->slot, deadline);
    if (request_take(w->request, fd, timeout)) {
        answer_one(w, deadline, started_us);
        scoreboard_served(p->board, p->slot);
        w->served++;
    } else {
        conn_over(w);
    }
    scoreboard_idle(p->board, p->slot);
    kept_idle(w->kept);
}

/* ---- waiting ---- */

static int accept_now(const struct worker *w)
{
    int fd = accept4(w->process->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd >= 0 || errno == EAGAIN || errno == ECONNABORTED || errno == EINTR)
        return fd;
    log_line(LOG_ERROR, "accept_failed", "error=\"%m\"");
    clock_sleep_ms(EXHAUSTED_MS);
    return -1;
}

/* There are too many, or nobody is left to take it over. From the first line on
 * the web server can send no more here; what it had sent is answered. */
static void conn_end(struct worker *w, int fd)
{
    char byte;

    (void)shutdown(fd, SHUT_RD);
    stat_add(STAT_kept_ended, 1);
    if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
        serve_one(w, fd);
    else
        close(fd);
}

/* Also what was served in the place of those that were too many: none of them
 * can have more than one request. */
static void end_left(struct worker *w)
{
    while (w->left >= 0) {
        int fd = w->left;

        w->left = -1;
        conn_end(w, fd);
    }
}

/* One of those that wait at the listening socket; -1: nobody does. */
static int conn_new(struct worker *w)
{
    int fd = accept_now(w);

    w->queue = fd >= 0;
    if (fd >= 0)
        request_limits(fd, w->process->conf->server_request_timeout);
    return fd;
}

static bool serve_new(struct worker *w)
{
    int fd = conn_new(w);

    if (fd < 0)
        return false;
    serve_one(w, fd);
    w->new_last = true;
    end_left(w);
    return true;
}

/* It has no request yet, or one that waits for its turn. */
static void conn_keep(struct worker *w, int fd)
{
    if (!kept_add(w->kept, fd))
        conn_end(w, fd);
}

/* What other workers had no time for; some is left to those who come next. */
static void take_over(struct worker *w)
{
    for (int i = 0; i < TAKEN_AT_ONCE; i++) {
        int fd = handover_take_conn(&w->process->kept);

        if (fd < 0)
            return;
        request_limits(fd, w->process->conf->server_request_timeout);
        conn_keep(w, fd);
    }
}

/* Where some workers have many connections and others few, those who ask by
 * the many get less. */
static void share(struct worker *w)
{
    const struct process *p = w->process;

    if (w->served % SHARE_EVERY == 0 && kept_count(w->kept) > 1 &&
        kept_count(w->kept) >
            scoreboard_gauge(p->board, GAUGE_kept_connections) /
                    p->conf->server_workers +
                1)
        (void)kept_give(w->kept);
}

/* False: it had no request; the web server has closed it. */
static bool serve_kept(struct worker *w, uint64_t name)
{
    uint64_t before = w->served;
    int fd = kept_take(w->kept, name);

    if (fd < 0)
        return false;
    w->taken = true;
    serve_one(w, fd);
    w->new_last = false;
    share(w);
    return w->served > before;
}

/*
 * Who keeps a connection and who does not take turns, so that neither waits for
 * more than as many of the others as of their own kind: whoever they are, each
 * gets at least half of what all get on average.
 */
static void serve_ready(struct worker *w, const struct epoll_event *event,
                        int n)
{
    bool long_queue = w->queue;
    int kept = 0, fd;

    for (int i = 0; i < n; i++) {
        if (event[i].data.u64 == CHANNEL)
            take_over(w);
        w->queue = w->queue || event[i].data.u64 == QUEUE;
        kept += event[i].data.u64 > CHANNEL;
    }
    /* First what only we may have been woken for: of the kept ones those that
     * wait for too long get away (kept.h). When it is their turn, the new one
     * waits among them: at the listening socket nobody else would see it. */
    if (w->queue && !(long_queue && kept && w->new_last))
        serve_new(w);
    else if (w->queue && (fd = conn_new(w)) >= 0)
        conn_keep(w, fd);
    for (int i = 0; i < n; i++)
        /* An end is nobody's turn: each new one may become such an end. */
        if (event[i].data.u64 > CHANNEL && serve_kept(w, event[i].data.u64) &&
            w->queue)
            serve_new(w);
}

/*
 * EPOLLEXCLUSIVE wakes one of all idle workers; if that one was also told to
 * stop, nobody else would be woken for the connection, so whoever stops looks
 * once more, and whoever waits looks again after a while.
 */
static void work_wait(struct worker *w)
{
    struct epoll_event event[EVENTS];
    int n = epoll_pwait(w->epoll_fd, event, EVENTS, LOOK_AGAIN_MS,
                        process_wait_mask());

    assert(n >= 0 || errno == EINTR);
    scoreboard_alive(w->process->board, w->process->slot);
    if (n == 0) { /* after a while also what somebody else was woken for */
        w->queue = true;
        take_over(w);
    }
    serve_ready(w, event, n);
}

/* Each goes to another worker. When the service ends there is none. */
static void leave_kept(struct worker *w)
{
    const struct handover_channel *c = &w->process->kept;
    int fd;

    while (kept_give(w->kept))
        continue;
    while (c->take >= 0 && handover_is_shut(c) &&
           (fd = handover_take_conn(c)) >= 0) {
        request_limits(fd, w->process->conf->server_request_timeout);
        conn_keep(w, fd);
    }
    /* Also who is answered here waits for its next request once more. */
    while ((fd = kept_pop(w->kept)) >= 0)
        conn_end(w, fd);
}

static bool worker_goes_on(const struct worker *w, uint64_t end)
{
    return !process_stopping() && (end == 0 || w->served < end);
}

static void worker_loop(struct worker *w)
{
    uint64_t max = (uint64_t)w->process->conf->server_max_requests;
    /* Not all at the same time. */
    uint64_t end = max ? max + random_below((uint32_t)(max / 10 + 1)) : 0;

    while (worker_goes_on(w, end))
        if (!w->queue || kept_count(w->kept) || !serve_new(w))
            work_wait(w);
    /* Whoever was woken for a connection is the only one; and who drains
     * answers all. */
    while ((end == 0 || w->served < end || process_draining()) &&
           serve_new(w) && process_draining())
        continue;
    leave_kept(w);
}

static void watch(const struct worker *w, int fd, uint64_t name)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE,
                                .data.u64 = name};
    int rc = epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &event);

    assert(rc == 0);
}

static void worker_watch(struct worker *w)
{
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    assert(w->epoll_fd >= 0);
    watch(w, w->process->listen_fd, QUEUE);
    if (w->process->kept.take >= 0)
        watch(w, w->process->kept.take, CHANNEL);
    w->kept = beside_it = kept_new(w->epoll_fd, &w->process->kept);
    request_watched(w->request, w->epoll_fd);
}

static enum status worker_open(struct worker *w, struct err *err)
{
    if (fault_point("worker.start"))
        return err_set(err, ST_INTERNAL, NULL, "fault worker.start");
    return process_service(w->process, &w->service, err);
}

int worker_run(const struct process *p)
{
    struct worker w = {.process = p, .left = -1};
    struct err err = ERR_NONE;

    w.request = request_new();
    if (p->role == ROLE_WORKER)
        request_hand_over(w.request, &p->channel, p->conf->server_spool);
    process_signals();
    if (worker_open(&w, &err) != ST_OK) {
        log_err(LOG_ERROR, "start_failed", &err);
        request_free(&w.request);
        return CHILD_FAILED;
    }
    w.arena = arena_new(ARENA_KEEP);
    worker_watch(&w);
    scoreboard_idle(p->board, p->slot);
    worker_loop(&w);
    log_line(LOG_INFO, "stopped", "requests=%llu",
             (unsigned long long)w.served);
    kept_free(&w.kept);
    close(w.epoll_fd);
    arena_free(&w.arena);
    service_close(&w.service);
    request_free(&w.request);
    return CHILD_DONE;
}

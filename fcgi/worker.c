#include "fcgi/worker.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "fcgi/respond.h"
#include "fcgi/routes.h"

#define ARENA_KEEP (1024 * 1024)
/* A request that used more leaves holes in the heap; they are given back. */
#define TRIM_FROM (4 * 1024 * 1024)
/* See worker_accept. */
#define LOOK_AGAIN_MS 1000
/* Before the next try when the machine has no descriptors or memory left. */
#define EXHAUSTED_MS 100

struct worker {
    const struct process *process;
    struct service *service;
    struct request *request;
    struct arena *arena;
    int epoll_fd;
    uint64_t served;
};

/* ---- one request ---- */

/* The one that is being answered, for who finds no memory left for it. */
static struct exchange *answering;

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
    log_access(&x, started_us, whole);
    work_later(w, &later);
    log_request(STR_NONE);
    used = arena_used(w->arena);
    arena_reset(w->arena);
    if (used > TRIM_FROM || x.length > TRIM_FROM)
        malloc_trim(0);
}

/* fd: accepted just now, or -1 for the kept connection's next request. */
static void serve_one(struct worker *w, int fd)
{
    const struct process *p = w->process;
    int64_t timeout = p->conf->server_request_timeout;
    int64_t started_us = clock_mono_us();
    struct deadline deadline = deadline_in(timeout);

    scoreboard_busy(p->board, p->slot, deadline);
    if (request_take(w->request, fd, timeout)) {
        answer_one(w, deadline, started_us);
        scoreboard_served(p->board, p->slot);
        w->served++;
    }
    scoreboard_idle(p->board, p->slot);
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

/*
 * The next connection, or -1 when it is time to end. EPOLLEXCLUSIVE wakes one
 * of all idle workers; if that one was also told to stop, nobody else would be
 * woken for the connection, so whoever stops looks once more, and whoever
 * waits looks again after a while.
 */
static int worker_accept(struct worker *w)
{
    struct epoll_event event;

    for (;;) {
        int fd = accept_now(w);

        if (fd >= 0 || process_stopping())
            return fd;
        scoreboard_alive(w->process->board, w->process->slot);
        if (epoll_pwait(w->epoll_fd, &event, 1, LOOK_AGAIN_MS,
                        process_wait_mask()) < 0)
            assert(errno == EINTR);
    }
}

/* Whether the kept connection has a next request (or has ended). */
static bool kept_wait(const struct worker *w)
{
    struct pollfd p = {.fd = request_kept(w->request), .events = POLLIN};
    struct timespec now = {0}, a_while = {.tv_sec = LOOK_AGAIN_MS / 1000};

    while (!process_stopping()) {
        scoreboard_alive(w->process->board, w->process->slot);
        if (ppoll(&p, 1, &a_while, process_wait_mask()) > 0)
            return true;
    }
    /* Closing with a request on the way would lose it. */
    return ppoll(&p, 1, &now, NULL) > 0;
}

static void worker_loop(struct worker *w)
{
    int64_t max = w->process->conf->server_max_requests;
    int64_t end = max;

    /* Not all at the same time. */
    if (max > 0)
        end += random_below((uint32_t)(max / 10 + 1));
    while ((max == 0 || (int64_t)w->served < end) &&
           (!process_stopping() || process_draining())) {
        int fd = -1;

        if (request_kept(w->request) < 0 && (fd = worker_accept(w)) < 0)
            return;
        if (fd >= 0 || kept_wait(w))
            serve_one(w, fd);
        else
            request_abort(w->request);
    }
}

static void worker_watch(struct worker *w)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};
    int rc;

    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    assert(w->epoll_fd >= 0);
    rc = epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->process->listen_fd, &event);
    assert(rc == 0);
}

static enum status worker_open(struct worker *w, struct err *err)
{
    if (fault_point("worker.start"))
        return err_set(err, ST_INTERNAL, NULL, "fault worker.start");
    return process_service(w->process, &w->service, err);
}

int worker_run(const struct process *p)
{
    struct worker w = {.process = p};
    struct err err = ERR_NONE;

    w.request = request_new(p->conf->server_keep_conn);
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
    close(w.epoll_fd);
    arena_free(&w.arena);
    service_close(&w.service);
    request_free(&w.request);
    return CHILD_DONE;
}

#include "fcgi/sender.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/log.h"
#include "base/memory.h"
#include "fcgi/handover.h"
#include "fcgi/worker.h"

#define EVENTS 64
#define LOOK_MS 1000
/* Nothing moved for so long: nobody is there any more. */
#define STALLED_MS (10 * 60 * 1000)
/* The same when three quarters of server.unsent_max are used: others wait for
 * the room. */
#define STALLED_FULL_MS (60 * 1000)

/* One answer's rest, in a ring. */
struct sending {
    struct sending *before, *next;
    struct handover h;
    int64_t size, began_ms, moved_ms;
};

struct sender {
    const struct process *process;
    struct sending ring; /* its head */
    int epoll_fd;
    int64_t unsent, looked_ms;
    struct deadline until; /* of what is left at the end; 0: not yet */
};

/* ---- one rest ---- */

static void count_unsent(struct sender *s, int64_t more)
{
    s->unsent += more;
    gauge_set(GAUGE_unsent_bytes, s->unsent);
}

static void sending_free(struct sender *s, struct sending *x)
{
    count_unsent(s, -unsent_size(&x->h.rest));
    /* By hand: in the channel, or with its worker, the connection lives on
     * after our close, and would go on naming x. */
    (void)epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, x->h.conn, NULL);
    x->before->next = x->next;
    x->next->before = x->before;
    close(x->h.conn);
    unsent_close(&x->h.rest);
    free(x);
}

/* One line under the request's id, and no more of it. why: it is not sent. */
static void sending_ended(struct sender *s, struct sending *x,
                          const char *event, const char *why)
{
    log_request(str_of(x->h.request_id));
    log_line(LOG_INFO, event, "unsent=%lld of=%lld ms=%lld%s%s%s",
             (long long)unsent_size(&x->h.rest), (long long)x->size,
             (long long)(clock_mono_ms() - x->began_ms), why ? " text=\"" : "",
             why ? why : "", why ? "\"" : "");
    log_request(STR_NONE);
    sending_free(s, x);
}

static void sending_gone(struct sender *s, struct sending *x, const char *why)
{
    stat_add(STAT_clients_gone, 1);
    sending_ended(s, x, "client_gone", why);
}

static void sending_cut(struct sender *s, struct sending *x, const char *why)
{
    stat_add(STAT_answers_cut, 1);
    sending_ended(s, x, "answer_cut", why);
}

static void sending_push(struct sender *s, struct sending *x)
{
    int64_t before = unsent_size(&x->h.rest);
    enum push pushed = unsent_push(&x->h.rest, x->h.conn);
    int64_t moved = before - unsent_size(&x->h.rest);

    count_unsent(s, -moved);
    if (moved)
        x->moved_ms = clock_mono_ms();
    switch (pushed) {
    case PUSH_WAITS:
        break;
    case PUSH_ALL:
        /* Where nobody takes it, the service ends. */
        if (x->h.keep)
            (void)handover_give_conn(&s->process->kept, x->h.conn);
        sending_ended(s, x, "rest_sent", NULL);
        break;
    case PUSH_GONE:
        sending_gone(s, x, "the client hung up");
        break;
    case PUSH_LOST:
        sending_cut(s, x, "the file of its rest is unreadable");
        break;
    }
}

static void sending_begin(struct sender *s, const struct handover *h)
{
    struct sending *x = calloc(1, sizeof *x);
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = x};

    memory_check(x);
    x->h = *h;
    x->size = unsent_size(&h->rest);
    x->began_ms = x->moved_ms = clock_mono_ms();
    x->next = &s->ring;
    x->before = s->ring.before;
    x->before->next = s->ring.before = x;
    count_unsent(s, x->size);
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, h->conn, &event) != 0)
        sending_cut(s, x, strerror(errno));
}

/* ---- all of them ---- */

static void sender_take(struct sender *s)
{
    struct handover h;

    while (handover_take(&s->process->channel, &h))
        sending_begin(s, &h);
}

static void sender_drop_stalled(struct sender *s)
{
    const struct process *p = s->process;
    int64_t all = scoreboard_gauge(p->board, GAUGE_unsent_bytes);
    bool full = all > p->conf->server_unsent_max / 4 * 3;
    int64_t since = clock_mono_ms() - (full ? STALLED_FULL_MS : STALLED_MS);

    s->looked_ms = clock_mono_ms();
    for (struct sending *x = s->ring.next, *next; x != &s->ring; x = next) {
        next = x->next;
        if (x->moved_ms < since)
            sending_gone(s, x, "nothing was taken for too long");
    }
}

/* For the next sender. What the channel has no room for stays, for now. */
static void sender_give_back(struct sender *s)
{
    struct err err = ERR_NONE;

    while (s->ring.next != &s->ring &&
           handover_give(&s->process->channel, &s->ring.next->h, &err) == ST_OK)
        sending_free(s, s->ring.next);
    if (err.st != ST_OK)
        log_err(LOG_WARN, "not_handed_back", &err);
}

/* Whether there is nothing left to do. */
static bool sender_done(struct sender *s)
{
    if (!process_stopping())
        return false;
    if (!process_draining()) {
        sender_give_back(s);
        return s->ring.next == &s->ring;
    }
    if (s->until.at_ms == 0)
        s->until = deadline_in(s->process->conf->server_request_timeout);
    sender_take(s);
    while (deadline_over(s->until) && s->ring.next != &s->ring)
        sending_cut(s, s->ring.next, "the service ends");
    return s->ring.next == &s->ring;
}

static void sender_loop(struct sender *s)
{
    struct epoll_event event[EVENTS];

    while (!sender_done(s)) {
        int n = epoll_pwait(s->epoll_fd, event, EVENTS, LOOK_MS,
                            process_wait_mask());

        assert(n >= 0 || errno == EINTR);
        for (int i = 0; i < n; i++)
            if (event[i].data.ptr)
                sending_push(s, event[i].data.ptr);
            else if (!process_stopping())
                sender_take(s);
        if (clock_mono_ms() - s->looked_ms >= LOOK_MS)
            sender_drop_stalled(s);
        scoreboard_alive(s->process->board, s->process->slot);
    }
}

/* Two descriptors a client: as many as the system lets us have. */
static void sender_room(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files); /* else as few as before */
    }
}

int sender_run(const struct process *p)
{
    struct sender s = {.process = p};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int rc;

    s.ring.next = s.ring.before = &s.ring;
    process_signals();
    sender_room();
    s.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    assert(s.epoll_fd >= 0);
    rc = epoll_ctl(s.epoll_fd, EPOLL_CTL_ADD, p->channel.take, &event);
    assert(rc == 0);
    scoreboard_idle(p->board, p->slot);
    sender_loop(&s);
    log_line(LOG_INFO, "stopped", NULL);
    close(s.epoll_fd);
    return CHILD_DONE;
}

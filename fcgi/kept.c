#include "fcgi/kept.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/stats.h"

/* A request that takes so long lets others go elsewhere. A hot answer takes a
 * hundredth of it. */
#define LONG_MS 10
/* It may hang: if its worker is killed, none that it kept is lost. */
#define STUCK_MS 1000

struct kept {
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t work;
    int epoll_fd;
    const struct handover_channel *channel;
    pthread_t watcher; /* from the first connection on */
    bool watched, asleep, end;
    bool busy;
    uint32_t request; /* counts them */
    uint32_t turn;    /* tells apart who had the same descriptor */
    int n, taken;     /* taken: its place, or -1 */
    uint64_t name[KEPT_MAX];
    struct pollfd conn[KEPT_MAX]; /* poll() passes over the taken one: -1 */
    int fd[KEPT_MAX];
};

static void lock(struct kept *k)
{
    int rc = pthread_mutex_lock(&k->lock);

    assert(rc == 0);
}

static void unlock(struct kept *k)
{
    int rc = pthread_mutex_unlock(&k->lock);

    assert(rc == 0);
}

/* ---- the list ---- */

static void conn_remove(struct kept *k, int at)
{
    k->n--;
    memmove(&k->name[at], &k->name[at + 1],
            (size_t)(k->n - at) * sizeof *k->name);
    memmove(&k->conn[at], &k->conn[at + 1],
            (size_t)(k->n - at) * sizeof *k->conn);
    memmove(&k->fd[at], &k->fd[at + 1], (size_t)(k->n - at) * sizeof *k->fd);
    if (k->taken > at)
        k->taken--;
    gauge_set(GAUGE_kept_connections, k->n);
}

/* By hand: elsewhere it lives on after our close, and would go on waking us. */
static int conn_unwatch(struct kept *k, int at)
{
    int fd = k->fd[at];

    (void)epoll_ctl(k->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    conn_remove(k, at);
    return fd;
}

static bool conn_give(struct kept *k, int at)
{
    if (!handover_give_conn(k->channel, k->fd[at]))
        return false;
    close(conn_unwatch(k, at));
    stat_add(STAT_kept_handed_over, 1);
    return true;
}

/* ---- the thread ---- */

/* all: those without a request, too. Who has hung up stays: it only has to be
 * closed. */
static void give_waiting(struct kept *k, bool all)
{
    int ready = poll(k->conn, (nfds_t)k->n, 0);

    for (int i = k->n - 1; (ready > 0 || all) && i >= 0; i--)
        if (i != k->taken && (all || k->conn[i].revents & POLLIN) &&
            !(k->conn[i].revents & POLLHUP) && !conn_give(k, i))
            return; /* no room: the next time */
}

/* Awake only while there are requests, so an idle worker costs nothing; and to
 * be woken by each request would cost more than to look in vain. */
static void *kept_watch(void *ctx)
{
    struct kept *k = ctx;
    uint32_t request = 0;
    int64_t since = 0;

    lock(k);
    while (!k->end) {
        if (!k->busy && request == k->request) {
            k->asleep = true;
            pthread_cond_wait(&k->work, &k->lock);
            k->asleep = false;
            continue;
        }
        if (request != k->request)
            since = clock_mono_ms();
        else if (k->busy)
            give_waiting(k, clock_mono_ms() - since > STUCK_MS);
        request = k->request;
        unlock(k);
        clock_sleep_ms(LONG_MS);
        lock(k);
    }
    unlock(k);
    return NULL;
}

/* Without it, whoever waits here waits for longer: the next one tries again. */
static void watch_start(struct kept *k)
{
    sigset_t all, before;
    int failure;

    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failure = pthread_create(&k->watcher, NULL, kept_watch, k);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    k->watched = failure == 0;
    if (failure)
        log_line(LOG_WARN, "no_thread", "error=\"%s\"", strerror(failure));
}

void kept_busy(struct kept *k)
{
    if (!k->watched)
        return;
    lock(k);
    k->busy = true;
    k->request++;
    if (k->asleep && k->n > (k->taken >= 0))
        pthread_cond_signal(&k->work);
    unlock(k);
}

void kept_leave(struct kept *k)
{
    if (!k->watched)
        return;
    lock(k);
    give_waiting(k, true);
    if (k->asleep && k->n) /* there was no room for all */
        pthread_cond_signal(&k->work);
    unlock(k);
}

void kept_idle(struct kept *k)
{
    if (!k->watched)
        return;
    lock(k);
    k->busy = false;
    unlock(k);
}

/* ---- all of it ---- */

struct kept *kept_new(int epoll_fd, const struct handover_channel *c)
{
    struct kept *k = calloc(1, sizeof *k);

    memory_check(k);
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->work, NULL);
    k->epoll_fd = epoll_fd;
    k->channel = c;
    k->taken = -1;
    return k;
}

void kept_free(struct kept **kp)
{
    struct kept *k = *kp;

    assert(k->n == 0);
    if (k->watched) {
        lock(k);
        k->end = true;
        pthread_cond_signal(&k->work);
        unlock(k);
        pthread_join(k->watcher, NULL);
    }
    pthread_cond_destroy(&k->work);
    pthread_mutex_destroy(&k->lock);
    free(k);
    *kp = NULL;
}

int kept_count(const struct kept *k)
{
    return k->n;
}

bool kept_add(struct kept *k, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    bool room;

    if (!k->watched && k->channel->give >= 0)
        watch_start(k);
    lock(k);
    event.data.u64 = (uint64_t)++k->turn << 32 | (uint32_t)fd;
    room = k->n < KEPT_MAX &&
           epoll_ctl(k->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
    if (room) {
        k->name[k->n] = event.data.u64;
        k->conn[k->n] = (struct pollfd){.fd = fd, .events = POLLIN};
        k->fd[k->n++] = fd;
        gauge_set(GAUGE_kept_connections, k->n);
    }
    unlock(k);
    return room;
}

int kept_take(struct kept *k, uint64_t name)
{
    int at = 0, fd = -1;

    lock(k);
    assert(k->taken < 0);
    while (at < k->n && k->name[at] != name)
        at++;
    if (at < k->n) {
        k->taken = at;
        k->conn[at].fd = -1;
        fd = k->fd[at];
    }
    unlock(k);
    return fd;
}

void kept_back(struct kept *k)
{
    lock(k);
    k->conn[k->taken].fd = k->fd[k->taken];
    k->taken = -1;
    unlock(k);
}

void kept_gone(struct kept *k)
{
    int at;

    lock(k);
    at = k->taken;
    k->taken = -1;
    conn_remove(k, at);
    unlock(k);
}

bool kept_give(struct kept *k)
{
    bool given;

    lock(k);
    given = k->n > (k->taken >= 0) && conn_give(k, k->taken == 0);
    unlock(k);
    return given;
}

int kept_pop(struct kept *k)
{
    int fd = -1;

    lock(k);
    if (k->n && k->taken < 0)
        fd = conn_unwatch(k, 0);
    unlock(k);
    return fd;
}

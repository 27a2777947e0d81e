#include "t/fuzz/peer.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_MS 3

struct answers {
    struct str text[PEER_ANSWERS];
    size_t n;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct answers told; /* under the lock */

static struct str copy(struct str s)
{
    char *p = malloc(s.n + 1);

    assert(p);
    memcpy(p, s.p ? s.p : "", s.n);
    return (struct str){p, s.n};
}

static struct answers answers_copy(const struct str *text, size_t n)
{
    struct answers a = {.n = n};

    assert(n <= PEER_ANSWERS);
    for (size_t i = 0; i < n; i++)
        a.text[i] = copy(text[i]);
    return a;
}

static void answers_free(struct answers *a)
{
    for (size_t i = 0; i < a->n; i++)
        free((void *)(uintptr_t)a->text[i].p);
    a->n = 0;
}

void peer_answers(const struct str *answer, size_t n)
{
    pthread_mutex_lock(&lock);
    answers_free(&told);
    told = answers_copy(answer, n);
    pthread_mutex_unlock(&lock);
}

/* Whether it went out: the client may have left. */
static bool say(int fd, struct str text)
{
    while (text.n) {
        ssize_t sent = send(fd, text.p, text.n, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        text.p += sent;
        text.n -= (size_t)sent;
    }
    return true;
}

static bool hear(int fd, int wait_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char request[65536];

    return poll(&p, 1, wait_ms) > 0 && recv(fd, request, sizeof request, 0) > 0;
}

static void serve(int fd, const struct answers *a)
{
    for (size_t i = 0; i < a->n; i++)
        if (!hear(fd, i ? WAIT_MS : 1000) || !say(fd, a->text[i]))
            break;
    /* What is unread would reset the connection before the answer is seen. */
    shutdown(fd, SHUT_WR);
    while (hear(fd, WAIT_MS))
        ;
}

static void *listen_on(void *arg)
{
    int listener = (int)(intptr_t)arg;

    for (;;) {
        struct answers a;
        int fd = accept(listener, NULL, NULL);

        if (fd < 0 && errno == EINTR)
            continue;
        assert(fd >= 0);
        pthread_mutex_lock(&lock);
        a = answers_copy(told.text, told.n);
        pthread_mutex_unlock(&lock);
        serve(fd, &a);
        close(fd);
        answers_free(&a);
    }
    return NULL;
}

static void start(int family, struct sockaddr *at, socklen_t *len)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pthread_t t;

    assert(fd >= 0 && bind(fd, at, *len) == 0 && listen(fd, 16) == 0);
    assert(getsockname(fd, at, len) == 0);
    assert(pthread_create(&t, NULL, listen_on, (void *)(intptr_t)fd) == 0);
    pthread_detach(t);
}

static struct sockaddr_un own_path = {.sun_family = AF_UNIX};

static void remove_path(void)
{
    unlink(own_path.sun_path);
}

const char *peer_unix(void)
{
    socklen_t len = sizeof own_path;
    const char *base = getenv("TMPDIR");

    if (own_path.sun_path[0])
        return own_path.sun_path;
    snprintf(own_path.sun_path, sizeof own_path.sun_path, "%s/dg-fuzz-%d",
             base ? base : "/tmp", (int)getpid());
    unlink(own_path.sun_path);
    start(AF_UNIX, (struct sockaddr *)&own_path, &len);
    atexit(remove_path);
    return own_path.sun_path;
}

const char *peer_http(void)
{
    static char url[40];
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;

    if (url[0])
        return url;
    start(AF_INET, (struct sockaddr *)&at, &len);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(at.sin_port));
    return url;
}

/*
 * server.h - a small HTTP server for unit tests: a child process on a free
 * loopback port, a thread a connection, answers by the test's own function.
 */
#ifndef DG_T_SERVER_H
#define DG_T_SERVER_H

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/conf.h"

#define SERVER_TEXT 32768

/* What both processes see. */
struct server_seen {
    atomic_int connections, requests, at_once, most_at_once;
    atomic_int mode; /* the test's own, as is the next */
    atomic_int count[8];
    char last[SERVER_TEXT]; /* head and body of the latest request */
};

struct server {
    char url[32]; /* without a slash at its end */
    pid_t pid;
    struct server_seen *seen;
};

/* Writes the answer; false: the connection ends. `n` counts requests from 1. */
typedef bool (*server_answer)(struct server_seen *seen, int fd,
                              const char *request, int n);

static server_answer server_fn;
static struct server_seen *server_here;

__attribute__((unused)) static void server_say(int fd, const char *text)
{
    size_t n = strlen(text);

    while (n > 0) {
        ssize_t k = send(fd, text, n, MSG_NOSIGNAL);

        if (k <= 0)
            return;
        text += k;
        n -= (size_t)k;
    }
}

/* A whole answer; head: further header lines, each with its \r\n. */
__attribute__((unused)) static void
server_reply(int fd, int code, const char *head, const char *body)
{
    char text[SERVER_TEXT];

    snprintf(text, sizeof text,
             "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n%s", code, head,
             strlen(body), body);
    server_say(fd, text);
}

/* The length of a whole request at the front of the text; 0: not all there. */
static size_t server_whole(const char *text, size_t n)
{
    const char *end = memmem(text, n, "\r\n\r\n", 4), *len;
    size_t head, body = 0;

    if (!end)
        return 0;
    head = (size_t)(end - text) + 4;
    len = strcasestr(text, "\r\ncontent-length:");
    if (len && len < end)
        body = (size_t)strtoul(len + 17, NULL, 10);
    return n >= head + body ? head + body : 0;
}

static void *server_connection(void *arg)
{
    int fd = (int)(intptr_t)arg, now;
    char text[SERVER_TEXT];
    size_t n = 0, whole;
    bool go = true;

    server_here->connections++;
    while (go) {
        ssize_t k;

        text[n] = '\0';
        while ((whole = server_whole(text, n)) == 0) {
            k = recv(fd, text + n, sizeof text - 1 - n, 0);
            if (k <= 0)
                goto out;
            n += (size_t)k;
            text[n] = '\0';
        }
        assert(whole == n); /* the client does not pipeline */
        memcpy(server_here->last, text, n + 1);
        now = ++server_here->at_once;
        if (now > server_here->most_at_once)
            server_here->most_at_once = now;
        go = server_fn(server_here, fd, text, ++server_here->requests);
        server_here->at_once--;
        n = 0;
    }
out:
    close(fd);
    return NULL;
}

static void server_run(int listener)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        pthread_t t;
        int fd = accept(listener, NULL, NULL);

        if (fd >= 0 && pthread_create(&t, NULL, server_connection,
                                      (void *)(intptr_t)fd) == 0)
            pthread_detach(t);
    }
}

__attribute__((unused)) static struct server server_start(server_answer fn)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct server s;

    s.seen = mmap(NULL, sizeof *s.seen, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(s.seen != MAP_FAILED && fd >= 0);
    assert(bind(fd, (struct sockaddr *)&at, len) == 0 && listen(fd, 128) == 0);
    assert(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    snprintf(s.url, sizeof s.url, "http://127.0.0.1:%d", ntohs(at.sin_port));
    server_fn = fn;
    server_here = s.seen;
    fflush(stdout);
    s.pid = fork();
    assert(s.pid >= 0);
    if (s.pid == 0)
        server_run(fd);
    close(fd);
    return s;
}

__attribute__((unused)) static void server_stop(struct server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    munmap(s->seen, sizeof *s->seen);
}

/* What requests to AWS are signed with here. */
__attribute__((unused)) static void server_credentials(void)
{
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
}

/* The defaults, but with this server, which must outlive them, for AWS's. */
__attribute__((unused)) static void
server_conf(const struct server *s, struct arena *a, struct conf *conf)
{
    struct err err = ERR_NONE;

    server_credentials();
    if (conf_load(NULL, a, conf, &err) != ST_OK)
        abort();
    conf->s3_endpoint = conf->dynamodb_endpoint = s->url;
}

#endif

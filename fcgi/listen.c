#include "fcgi/listen.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/log.h"

#define SYSTEMD_FD 3

static bool is_listening(int fd)
{
    int on = 0;
    socklen_t n = sizeof on;

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on;
}

/* Workers wait by epoll and share the socket: accept must not block. */
static enum status listen_adopt(int fd, struct listener *out, struct err *err)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;

    if (!is_listening(fd))
        return err_set(err, ST_BAD_REQUEST, "listen",
                       "descriptor %d is not a listening socket", fd);
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        return err_set(err, ST_UNAVAILABLE, "listen", "descriptor %d: %m", fd);
    if (a.ss_family != AF_UNIX)
        log_line(LOG_WARN, "listen_not_local",
                 "text=\"FastCGI has no access control of its own: "
                 "whoever reaches this socket can call the service\"");
    *out = (struct listener){.fd = fd};
    return ST_OK;
}

/* Descriptor 0 moves up, so that nothing reads requests as standard input. */
static enum status adopt_stdin(struct listener *out, struct err *err)
{
    int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, SYSTEMD_FD);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0)
        return err_set(err, ST_UNAVAILABLE, "listen", "descriptor 0: %m");
    close(null);
    return listen_adopt(fd, out, err);
}

enum status listen_inherited(struct listener *out, bool *found, struct err *err)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    bool systemd = pid && fds && strtol(pid, NULL, 10) == (long)getpid();
    bool one = systemd && strcmp(fds, "1") == 0;

    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    *found = systemd || is_listening(STDIN_FILENO);
    if (!*found)
        return ST_OK;
    if (systemd && !one)
        return err_set(err, ST_BAD_REQUEST, "listen",
                       "one socket is expected from systemd, more came");
    return systemd ? listen_adopt(SYSTEMD_FD, out, err) : adopt_stdin(out, err);
}

static enum status address_of(const char *path, struct sockaddr_un *a,
                              struct err *err)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (path[0] == '\0' || strlen(path) >= sizeof a->sun_path)
        return err_set(err, ST_BAD_REQUEST, "listen",
                       "\"%s\" cannot be a socket path (1 to %zu bytes)", path,
                       sizeof a->sun_path - 1);
    memcpy(a->sun_path, path, strlen(path));
    return ST_OK;
}

/* Removes what a dead process left at the address, and nothing else. */
static enum status clear_stale(const struct sockaddr_un *a, struct err *err)
{
    struct stat st;
    int fd, rc, saved;

    if (lstat(a->sun_path, &st) != 0)
        return errno == ENOENT ? ST_OK
                               : err_set(err, ST_UNAVAILABLE, "listen",
                                         "%s: %m", a->sun_path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, ST_UNAVAILABLE, "address_in_use",
                       "%s is there and not a socket", a->sun_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert(fd >= 0);
    rc = connect(fd, (const struct sockaddr *)a, sizeof *a);
    saved = errno;
    close(fd);
    /* EAGAIN is a full queue: somebody lives there. */
    if (rc == 0 || saved != ECONNREFUSED)
        return err_set(err, ST_UNAVAILABLE, "address_in_use",
                       "another process listens at %s", a->sun_path);
    if (unlink(a->sun_path) != 0 && errno != ENOENT)
        return err_set(err, ST_UNAVAILABLE, "listen", "unlink %s: %m",
                       a->sun_path);
    return ST_OK;
}

/* The mode is set before listen(): until then nobody can connect. */
static enum status bind_at(int fd, const struct sockaddr_un *a, mode_t mode,
                           int backlog, struct listener *out, struct err *err)
{
    struct stat st;

    if (bind(fd, (const struct sockaddr *)a, sizeof *a) != 0 ||
        chmod(a->sun_path, mode) != 0 || listen(fd, backlog) != 0 ||
        stat(a->sun_path, &st) != 0)
        return err_set(err, ST_UNAVAILABLE, "listen", "%s: %m", a->sun_path);
    *out = (struct listener){
        .fd = fd, .own = true, .dev = st.st_dev, .ino = st.st_ino};
    snprintf(out->path, sizeof out->path, "%s", a->sun_path);
    return ST_OK;
}

enum status listen_unix(const char *path, mode_t mode, int backlog,
                        struct listener *out, struct err *err)
{
    struct sockaddr_un a;
    enum status st;
    int fd;

    if ((st = address_of(path, &a, err)) != ST_OK ||
        (st = clear_stale(&a, err)) != ST_OK)
        return st;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert(fd >= 0);
    st = bind_at(fd, &a, mode, backlog, out, err);
    if (st != ST_OK)
        close(fd);
    return st;
}

void listen_unlink(const struct listener *l)
{
    struct stat st;

    if (l->own && stat(l->path, &st) == 0 && st.st_dev == l->dev &&
        st.st_ino == l->ino)
        unlink(l->path);
}

void listen_close(struct listener *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

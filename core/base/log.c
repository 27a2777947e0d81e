#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/stats.h"

/* With its newlines below PIPE_BUF, so that a pipe takes all of a line or
 * nothing. */
#define LINE_MAX_BYTES 4000
#define QUOTED_MAX ((sizeof((struct log_value *)0)->z - 6) / 4)

/* One log a process; there is nothing that two of them would be for. */
static struct {
    int fd;
    enum log_level level;
    char path[PATH_MAX]; /* empty: stderr */
    bool socket;
    bool torn;        /* the end of the last line is missing */
    uint64_t dropped; /* lines since one was taken */
    int64_t since_ms; /* the first of them */
    char role[16];
    char request[64];
} lg = {.fd = STDERR_FILENO, .level = LOG_INFO, .role = "tool"};

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

static bool is_socket(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/*
 * The flag that forbids waiting is everybody's who has the same description,
 * the shell's, too: so ours is opened anew. Of another user's pipe that is
 * denied; then the flag it is. A file does not wait, and a socket is told so
 * with each line.
 */
void log_never_wait(void)
{
    struct stat st;
    int fd;

    lg.socket = is_socket(lg.fd);
    if (fstat(STDERR_FILENO, &st) != 0 ||
        !(S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
        return;
    fd = open("/proc/self/fd/2",
              O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) {
        (void)dup2(fd, STDERR_FILENO); /* for what libraries say, as well */
        close(fd);
    } else {
        (void)fcntl(STDERR_FILENO, F_SETFL,
                    fcntl(STDERR_FILENO, F_GETFL) | O_NONBLOCK);
    }
}

void log_open(const char *target, enum log_level level, const char *role)
{
    bool file = strcmp(target, "stderr") != 0;

    assert(strlen(target) < sizeof lg.path);
    snprintf(lg.path, sizeof lg.path, "%s", file ? target : "");
    lg.level = level;
    log_role(role);
    log_reopen();
}

void log_reopen(void)
{
    int old = lg.fd, failed = 0;

    lg.fd = STDERR_FILENO;
    if (lg.path[0]) {
        /* Without waiting: a pipe that nobody reads must not stop us. */
        int fd =
            open(lg.path,
                 O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);

        if (fd >= 0)
            lg.fd = fd;
        else
            failed = errno;
    }
    lg.socket = is_socket(lg.fd);
    lg.torn = false;
    if (old != STDERR_FILENO)
        close(old);
    if (failed) {
        struct log_value path;

        log_line(LOG_ERROR, "log_unwritable", "path=%s error=\"%s\"",
                 log_quoted(str_of(lg.path), &path), strerror(failed));
    }
}

void log_role(const char *role)
{
    snprintf(lg.role, sizeof lg.role, "%s", role);
    lg.dropped = 0; /* its parent says what it lacks */
}

void log_request(struct str request_id)
{
    size_t n = request_id.n;

    if (n >= sizeof lg.request)
        n = sizeof lg.request - 1;
    /* It stands unquoted in the line, and a client may have chosen it. */
    for (size_t i = 0; i < n; i++) {
        char c = request_id.p[i];

        lg.request[i] = c > ' ' && c < 0x7f && c != '"' && c != '=' ? c : '?';
    }
    lg.request[n] = '\0';
}

static size_t put_head(char line[], size_t size, enum log_level level,
                       const char *request, const char *event)
{
    int64_t now = clock_wall_us();
    time_t seconds = now / 1000000;
    struct tm t;
    char stamp[32];
    int n;

    assert(level <= LOG_DEBUG);
    gmtime_r(&seconds, &t);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &t);
    n = snprintf(line, size, "%s.%06dZ level=%s role=%s pid=%d%s%s event=%s",
                 stamp, (int)(now % 1000000), level_names[level], lg.role,
                 (int)getpid(), request[0] ? " rid=" : "", request, event);
    assert(n > 0 && (size_t)n < size);
    return (size_t)n;
}

/*
 * Every process appends to the same file or pipe: only a line that goes out
 * in one write() stays in one piece. False: it was not taken, or (on a disk
 * that is full) not wholly.
 */
static bool write_whole(const char *p, size_t n)
{
    ssize_t rc;

    do
        rc = lg.socket ? send(lg.fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL)
                       : write(lg.fd, p, n);
    while (rc < 0 && errno == EINTR);
    if (rc > 0)
        lg.torn = (size_t)rc < n;
    return rc == (ssize_t)n;
}

/* line has room for two more bytes. */
static bool write_line(char line[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)line[i] < ' ')
            line[i] = '?';
    }
    line[n++] = '\n';
    if (lg.torn) {
        memmove(line + 1, line, n++);
        line[0] = '\n';
    }
    return write_whole(line, n);
}

/* Whoever reads the log learns what is not in it. */
static bool say_dropped(void)
{
    char line[256 + 2];
    size_t n = put_head(line, 256, LOG_WARN, "", "log_dropped");

    n += (size_t)snprintf(line + n, 256 - n, " lines=%llu ms=%lld",
                          (unsigned long long)lg.dropped,
                          (long long)(clock_mono_ms() - lg.since_ms));
    assert(n < 256);
    if (!write_line(line, n))
        return false;
    lg.dropped = 0;
    return true;
}

/* A log that takes nothing (nobody reads the pipe, the disk is full) must not
 * stop the service. */
static void put_line(char line[], size_t n)
{
    if ((lg.dropped == 0 || say_dropped()) && write_line(line, n))
        return;
    if (lg.dropped++ == 0)
        lg.since_ms = clock_mono_ms();
    stat_add(STAT_log_dropped, 1);
}

void log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    int saved = errno;
    char line[LINE_MAX_BYTES + 2];
    size_t n;
    va_list ap;

    if (level > lg.level)
        return;
    n = put_head(line, LINE_MAX_BYTES, level, lg.request, event);
    if (fmt) {
        line[n++] = ' ';
        va_start(ap, fmt);
        n += (size_t)vsnprintf(line + n, LINE_MAX_BYTES - n, fmt, ap);
        va_end(ap);
    }
    if (n >= LINE_MAX_BYTES) {
        n = LINE_MAX_BYTES - 1;
        memcpy(line + n - 3, "...", 3);
    }
    put_line(line, n);
    errno = saved;
}

static char *escape(char *out, unsigned char c)
{
    if (c == '"' || c == '\\')
        return out + sprintf(out, "\\%c", c);
    if (c == '\n')
        return out + sprintf(out, "\\n");
    if (c < ' ' || c >= 0x7f)
        return out + sprintf(out, "\\x%02x", c);
    *out = (char)c;
    return out + 1;
}

static void quote(char *out, struct str s, size_t max)
{
    size_t n = s.n < max ? s.n : max;

    *out++ = '"';
    for (size_t i = 0; i < n; i++)
        out = escape(out, (unsigned char)s.p[i]);
    strcpy(out, n < s.n ? "...\"" : "\"");
}

const char *log_quoted(struct str value, struct log_value *space)
{
    quote(space->z, value, QUOTED_MAX);
    return space->z;
}

void log_err(enum log_level level, const char *event, const struct err *err)
{
    char text[4 * ERR_TEXT_MAX + 6];

    quote(text, str_of(err->text), ERR_TEXT_MAX);
    log_line(level, event, "status=%s code=%s error=%s", status_name(err->st),
             err->code, text);
}

void log_err_of(enum log_level level, const char *event, const char *what,
                struct str name, const struct err *err)
{
    char text[4 * ERR_TEXT_MAX + 6], quoted[4 * LOG_NAME_MAX + 6];

    quote(text, str_of(err->text), ERR_TEXT_MAX);
    quote(quoted, name, LOG_NAME_MAX);
    log_line(level, event, "%s=%s status=%s code=%s error=%s", what, quoted,
             status_name(err->st), err->code, text);
}

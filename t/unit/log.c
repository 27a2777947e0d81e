#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "t/unit/tap.h"

static char folder[] = "/tmp/dg-log-XXXXXX", path[64], moved[64];

/* The file's content; the file is emptied. */
static const char *taken(const char *file)
{
    static char text[20000];
    FILE *f = fopen(file, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;

    text[n] = '\0';
    if (f)
        fclose(f);
    if (truncate(file, 0) < 0)
        tap_note("%s: %s", file, strerror(errno));
    return text;
}

static bool has(const char *text, const char *part)
{
    if (strstr(text, part))
        return true;
    tap_note("no %s in: %s", part, text);
    return false;
}

static void shape(void)
{
    char tail[100];
    const char *t;

    log_line(LOG_WARN, "started", "workers=%d", 8);
    t = taken(path);
    CHECK(strlen(t) > 28 && t[4] == '-' && t[10] == 'T' && t[26] == 'Z');
    snprintf(tail, sizeof tail,
             "Z level=warn role=worker pid=%d event=started workers=8\n",
             (int)getpid());
    CHECK(has(t, tail));

    log_request(STR_LIT("a longer one before"));
    log_request(STR_LIT("r1 x\n=y"));
    log_role("master");
    log_line(LOG_INFO, "plain", NULL);
    t = taken(path);
    CHECK(has(t, " role=master "));
    CHECK(has(t, " rid=r1?x??y event=plain\n"));
    log_request(STR_NONE);
    log_line(LOG_DEBUG, "quiet", NULL);
    CHECK(taken(path)[0] == '\0');
}

static void untrusted(void)
{
    struct log_value v;
    char many[600];
    struct err e = ERR_NONE;
    const char *t;

    CHECK(!strcmp(log_quoted(STR_LIT("a\n\"b\\\x01\xc3"), &v),
                  "\"a\\n\\\"b\\\\\\x01\\xc3\""));
    CHECK(!strcmp(log_quoted(STR_NONE, &v), "\"\""));
    memset(many, 1, sizeof many);
    CHECK(strlen(log_quoted((struct str){many, 128}, &v)) == 4 * 128 + 2);
    CHECK(strlen(log_quoted((struct str){many, 129}, &v)) == 4 * 128 + 5);
    CHECK(strlen(v.z) < sizeof v.z);

    memset(many, '"', sizeof many);
    many[sizeof many - 1] = '\0';
    (void)err_set(&e, ST_TIMEOUT, "slow", "%s", many);
    log_err(LOG_ERROR, "request_failed", &e);
    t = taken(path);
    CHECK(
        has(t, " event=request_failed status=timeout code=slow error=\"\\\""));
    CHECK(strlen(t) > 2 * (ERR_TEXT_MAX - 1));

    memset(many, '\n', LOG_NAME_MAX + 1);
    log_err_of(LOG_ERROR, "lost", "key", (struct str){many, LOG_NAME_MAX}, &e);
    t = taken(path);
    CHECK(has(t, " event=lost key=\"\\n\\n") &&
          has(t, "\\n\\n\" status=timeout code=slow error=\"\\\"") &&
          strlen(t) < 4000);
    log_err_of(LOG_ERROR, "lost", "key", (struct str){many, LOG_NAME_MAX + 1},
               &e);
    CHECK(has(taken(path), "\\n...\" status="));

    log_line(LOG_INFO, "forged", "a=1\nb=2");
    CHECK(has(taken(path), " event=forged a=1?b=2\n"));
}

static void long_lines(void)
{
    const char *t;
    size_t head;

    log_line(LOG_INFO, "long", "x=%05000d", 0);
    t = taken(path);
    CHECK(strlen(t) == 4000);
    CHECK(!strcmp(t + 3996, "...\n"));
    head = (size_t)(strstr(t, "x=") + 2 - t);
    log_line(LOG_INFO, "long", "x=%0*d", (int)(3999 - head), 0);
    t = taken(path);
    CHECK(strlen(t) == 4000 && !strcmp(t + 3996, "000\n"));
    log_line(LOG_INFO, "long", "x=%0*d", (int)(4000 - head), 0);
    t = taken(path);
    CHECK(strlen(t) == 4000 && !strcmp(t + 3996, "...\n"));
}

static void rotation(void)
{
    log_line(LOG_INFO, "one", NULL);
    CHECK(rename(path, moved) == 0);
    log_line(LOG_INFO, "two", NULL);
    log_reopen();
    log_line(LOG_INFO, "three", NULL);
    CHECK(has(taken(moved), "event=two\n"));
    CHECK(has(taken(path), "event=three\n"));
}

static void unwritable(void)
{
    char caught[64];
    int saved = dup(STDERR_FILENO);
    const char *t;

    snprintf(caught, sizeof caught, "%s/stderr", folder);
    if (!freopen(caught, "a", stderr))
        tap_note("freopen: %s", strerror(errno));
    log_open("/nowhere/at/all.log", LOG_INFO, "tool");
    log_line(LOG_INFO, "still_said", NULL);
    t = taken(caught);
    CHECK(has(t, "event=log_unwritable path=\"/nowhere/at/all.log\" "
                 "error=\"No such file or directory\""));
    CHECK(has(t, "event=still_said\n"));
    log_open("/dev/full", LOG_INFO, "tool");
    errno = EXDEV;
    log_line(LOG_INFO, "lost", NULL); /* no reason to stop */
    CHECK(errno == EXDEV);
    log_open("stderr", LOG_ERROR, "tool");
    log_line(LOG_WARN, "below", NULL);
    log_line(LOG_ERROR, "above", NULL);
    t = taken(caught);
    CHECK(has(t, "event=above\n") && !strstr(t, "below"));
    dup2(saved, STDERR_FILENO);
    close(saved);
    unlink(caught);
}

/* A pipe with nobody at its other end for a while. */
static void unread_pipe(void)
{
    static char text[1 << 18];
    int saved = dup(STDERR_FILENO), end[2], lines = 0, flags;
    unsigned long long said = 0;
    const char *notice;
    ssize_t n;

    if (pipe(end) || dup2(end[1], STDERR_FILENO) < 0)
        abort();
    flags = fcntl(end[1], F_GETFL);
    log_open("stderr", LOG_INFO, "worker");
    log_never_wait();
    alarm(20);
    for (int i = 0; i < 2000; i++)
        log_line(LOG_INFO, "unread", "number=%d", i);
    CHECK(fcntl(end[1], F_GETFL) == flags);
    n = read(end[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    for (const char *p = text; (p = strstr(p, "event=unread")); p++)
        lines++;
    CHECK(lines > 100 && lines < 2000 && text[n - 1] == '\n');
    CHECK(!strstr(text, "log_dropped"));
    log_request(STR_LIT("request-1"));
    log_line(LOG_INFO, "read_again", NULL);
    log_request(STR_NONE);
    n = read(end[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    notice = strstr(text, "event=log_dropped lines=");
    CHECK(notice &&
          sscanf(notice, "event=log_dropped lines=%llu", &said) == 1 &&
          said == (unsigned long long)(2000 - lines));
    CHECK(has(text, " rid=request-1 event=read_again\n"));
    log_line(LOG_INFO, "usual", NULL);
    n = read(end[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    CHECK(has(text, "event=usual") && !strstr(text, "log_dropped"));
    close(end[0]); /* and now nobody ever will */
    log_line(LOG_INFO, "nobody", NULL);
    alarm(0);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(end[1]);
}

/* A disk that is full in the middle of a line: the next one begins a line. */
static void torn(void)
{
    struct rlimit before, limit;
    struct stat sb;
    const char *t, *end;

    log_open(path, LOG_INFO, "worker");
    log_line(LOG_INFO, "first", NULL);
    if (stat(path, &sb) != 0 || getrlimit(RLIMIT_FSIZE, &before) != 0)
        abort();
    limit = before;
    limit.rlim_cur = (rlim_t)sb.st_size + 40;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    log_line(LOG_INFO, "half", NULL);
    log_line(LOG_INFO, "none", NULL);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    log_line(LOG_INFO, "whole", NULL);
    t = taken(path);
    CHECK(!strstr(t, "event=none") && !strstr(t, "event=half"));
    end = strstr(t, "event=log_dropped lines=2");
    CHECK(end && strstr(end, "\n") && has(t, "event=whole\n"));
    /* One line each: first, the torn one, the notice, the last. */
    for (int i = 0; i < 4; i++) {
        CHECK(t && strncmp(t, "20", 2) == 0);
        t = t && (end = strchr(t, '\n')) ? end + 1 : NULL;
    }
    CHECK(t && !*t);
    log_open("stderr", LOG_INFO, "worker");
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as in the service */
    signal(SIGXFSZ, SIG_IGN);
    if (!mkdtemp(folder))
        return EXIT_FAILURE;
    snprintf(path, sizeof path, "%s/log", folder);
    snprintf(moved, sizeof moved, "%s/log.1", folder);
    log_open(path, LOG_INFO, "worker");
    shape();
    untrusted();
    long_lines();
    rotation();
    unwritable();
    torn();
    unread_pipe();
    unlink(path);
    unlink(moved);
    CHECK(rmdir(folder) == 0);
    return tap_end();
}

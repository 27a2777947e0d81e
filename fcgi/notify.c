#include "fcgi/notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"

static void notify_send(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    socklen_t n;
    int fd;

    if (!path || !path[0])
        return;
    if (strlen(path) >= sizeof a.sun_path) {
        log_line(LOG_WARN, "notify_failed", "error=\"path too long\"");
        return;
    }
    memcpy(a.sun_path, path, strlen(path));
    n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (path[0] == '@') /* of the abstract namespace */
        a.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, text, strlen(text), MSG_NOSIGNAL,
                         (struct sockaddr *)&a, n) < 0)
        log_line(LOG_WARN, "notify_failed", "error=\"%m\"");
    if (fd >= 0)
        close(fd);
}

void notify_ready(void)
{
    notify_send("READY=1");
}

void notify_reloading(void)
{
    char text[80];

    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)clock_mono_us());
    notify_send(text);
}

void notify_stopping(void)
{
    notify_send("STOPPING=1");
}

#include "base/fault.h"
#include "t/unit/tap.h"

#ifdef DG_FAULTS
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"

static char folder[] = "/tmp/dg-fault-XXXXXX";

static const char *file(const char *name)
{
    static char path[100];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void order(const char *name, const char *text)
{
    FILE *f = fopen(file(name), "w");

    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        abort();
}

static void once_and_always(void)
{
    CHECK(!fault_point("put"));
    order("put", "fail\n");
    CHECK(!fault_point("putx"));
    CHECK(fault_point("put"));
    CHECK(!fault_point("put"));
    CHECK(unlink(file("put.taken")) == 0);
    order("put.always", "fail");
    CHECK(fault_point("put") && fault_point("put"));
    CHECK(unlink(file("put.always")) == 0);
}

static void waits(void)
{
    int64_t start = clock_mono_ms();

    order("slow", "sleep 30");
    CHECK(!fault_point("slow") && clock_mono_ms() - start >= 30);
    unlink(file("slow.taken"));

    order("gate", "hold");
    if (fork() == 0) {
        clock_sleep_ms(30);
        order("gate.go", "");
        _exit(0);
    }
    start = clock_mono_ms();
    CHECK(!fault_point("gate") && clock_mono_ms() - start >= 20);
    wait(NULL);
    CHECK(access(file("gate.taken"), F_OK) < 0);
    unlink(file("gate.go"));
}

static void crashes(void)
{
    int status = 0;

    order("end", "crash");
    if (fork() == 0) {
        fault_point("end");
        _exit(0);
    }
    wait(&status);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == FAULT_EXIT);
    unlink(file("end.taken"));
}

int main(void)
{
    log_open("/dev/null", LOG_ERROR, "test");
    unsetenv("DRIVEGUARD_FAULTS");
    CHECK(!fault_point("put"));
    if (!mkdtemp(folder))
        return EXIT_FAILURE;
    setenv("DRIVEGUARD_FAULTS", folder, 1);
    once_and_always();
    waits();
    crashes();
    CHECK(rmdir(folder) == 0);
    return tap_end();
}
#else
int main(void)
{
    CHECK(!fault_point("put"));
    return tap_end();
}
#endif

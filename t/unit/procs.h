/* procs.h - what the store's tests share: many processes at once, a folder of
 * one's own. */
#ifndef DG_T_PROCS_H
#define DG_T_PROCS_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCS_MAX 64

/*
 * Runs fn(i, ctx) in n processes that start together; codes[i] is what it
 * returned (0 to 255), or -1 when the process was killed.
 */
__attribute__((unused)) static void
procs_run(int n, int (*fn)(int i, void *ctx), void *ctx, int codes[])
{
    pid_t pids[PROCS_MAX];
    int gate[2];
    char c;

    if (n > PROCS_MAX || pipe(gate))
        abort();
    fflush(stdout);
    for (int i = 0; i < n; i++) {
        if ((pids[i] = fork()) < 0)
            abort();
        if (pids[i] == 0) {
            close(gate[1]);
            if (read(gate[0], &c, 1)) /* nothing comes: until all closed it */
                abort();
            _exit(fn(i, ctx));
        }
    }
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < n; i++) {
        int status;

        if (waitpid(pids[i], &status, 0) != pids[i])
            abort();
        codes[i] = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
}

__attribute__((unused)) static int procs_count(int n, const int codes[],
                                               int code)
{
    int count = 0;

    for (int i = 0; i < n; i++)
        count += codes[i] == code;
    return count;
}

/* A new folder under TMPDIR or /tmp; its path lives until the end. */
__attribute__((unused)) static const char *temp_folder(void)
{
    static char path[200];
    const char *base = getenv("TMPDIR");

    snprintf(path, sizeof path, "%s/dg-test-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(path)) {
        perror(path);
        abort();
    }
    return path;
}

__attribute__((unused)) static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
    (void)sb, (void)type, (void)ftw;
    return remove(path);
}

__attribute__((unused)) static void temp_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif

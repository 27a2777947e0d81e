/* syncs.h - what a program asked the disk to keep: stands in front of libc's
 * fsync and fdatasync, also for the libraries that the program uses. */
#ifndef DG_T_SYNCS_H
#define DG_T_SYNCS_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SYNCS_MAX 4096

static struct {
    ino_t inode[SYNCS_MAX];
    int n;
    unsigned delay_us; /* as a busy disk would take */
} syncs;

static int sync_seen(long call, int fd)
{
    struct stat sb;

    if (fstat(fd, &sb) == 0 && syncs.n < SYNCS_MAX)
        syncs.inode[syncs.n++] = sb.st_ino;
    usleep(syncs.delay_us);
    return (int)syscall(call, fd);
}

int fsync(int fd)
{
    return sync_seen(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_seen(SYS_fdatasync, fd);
}

/* Whether the file or folder was synced since syncs.n was set to 0. */
static bool synced(const char *path)
{
    struct stat sb;

    if (stat(path, &sb))
        return false;
    for (int i = 0; i < syncs.n; i++)
        if (syncs.inode[i] == sb.st_ino)
            return true;
    return false;
}

#endif

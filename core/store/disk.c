#include "store/disk.h"

#include <sys/statvfs.h>

#define RESERVE_SHARE 20
#define RESERVE_MAX ((int64_t)4 * 1024 * 1024 * 1024)

/* In bytes; a file system that has no size (some are made of others) is no
 * reason to keep nothing. */
static int64_t blocks_bytes(const struct statvfs *v, fsblkcnt_t n)
{
    return (int64_t)(n * (v->f_frsize ? v->f_frsize : v->f_bsize));
}

int64_t disk_lacks(int fd)
{
    struct statvfs v;
    int64_t reserve, left;

    if (fstatvfs(fd, &v) != 0)
        return 0;
    reserve = blocks_bytes(&v, v.f_blocks) / RESERVE_SHARE;
    if (reserve > RESERVE_MAX)
        reserve = RESERVE_MAX;
    left = blocks_bytes(&v, v.f_bavail);
    return left < reserve ? reserve - left : 0;
}

int64_t disk_share(int fd, int64_t wanted)
{
    struct statvfs v;
    int64_t half;

    if (fstatvfs(fd, &v) != 0 || v.f_blocks == 0)
        return wanted;
    half = blocks_bytes(&v, v.f_blocks) / 2;
    return wanted < half ? wanted : half;
}

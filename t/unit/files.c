/* Files of this host: whole or not at all, found by name, kept in bounds. */
#include "store/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/digest.h"
#include "t/unit/procs.h"
#include "t/unit/tap.h"

#define TTL 60000
#define MAX 1048576
#define VIEWS 20
#define DRIVER_MAX (MAX / 2)

static const char *folder;
static struct err err;
static const struct str U = {"driver@example.com", 18}, V = {"0123abcd", 8};
static const struct str W = {"another", 7};
static const struct cache_token T = {.z = "run-token"};

static struct files *at(const char *path)
{
    struct conf c = {.cache_files = path,
                     .cache_files_max = MAX,
                     .cache_files_driver = DRIVER_MAX,
                     .cache_views = VIEWS,
                     .cache_ttl = TTL};
    struct files *f;

    CHECK(files_open(&c, &f, &err) == ST_OK);
    return f;
}

static int64_t now_ms(void)
{
    return clock_wall_us() / 1000;
}

static int count(void)
{
    DIR *d = opendir(folder);
    struct dirent *e;
    int n = 0;

    while ((e = readdir(d)))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

struct bytes {
    struct str part;
    int times;
    enum status end;
};

static enum status give(void *ctx, files_take take, void *to, struct err *e)
{
    struct bytes *b = ctx;
    enum status st = ST_OK;

    (void)e;
    for (int i = 0; st == ST_OK && i < b->times; i++)
        st = take(to, b->part);
    return st == ST_OK ? b->end : st;
}

static enum status put(struct files *f, const struct file_name *name,
                       int64_t began, size_t kb)
{
    static char block[1024];
    struct bytes b = {{block, sizeof block}, (int)kb, ST_OK};

    return files_write(f, name, began, give, &b, &err);
}

static struct file_name name_of(const struct files *f, int64_t began)
{
    struct file_name n;

    files_name(f, U, &T, V, false, began, &n);
    return n;
}

static void names(struct files *f)
{
    static const struct cache_token other = {.z = "run-other"};
    struct file_name one = name_of(f, 7), two;

    files_name(f, U, &other, V, false, 7, &two);
    CHECK(strcmp(one.z, two.z) != 0);
    files_name(f, STR_LIT("x"), &T, V, false, 7, &two);
    CHECK(strcmp(one.z, two.z) != 0);
    files_name(f, U, &T, STR_LIT("x"), false, 7, &two);
    CHECK(strcmp(one.z, two.z) != 0);
    two = name_of(f, 8);
    CHECK(strcmp(one.z, two.z) != 0);
    two = name_of(f, 7);
    CHECK(strcmp(one.z, two.z) == 0 && strspn(one.z, "0123456789abcdef") == 64);
}

static void writing(struct files *f)
{
    struct bytes parts = {STR_LIT("ab"), 3, ST_OK};
    struct bytes broken = {STR_LIT("ab"), 3, ST_UNAVAILABLE};
    struct file_name n = name_of(f, now_ms()), other = name_of(f, 5);
    char path[300], got[10];
    struct stat sb;
    struct buf b;
    int fd;

    CHECK(!files_have(f, &n));
    CHECK(files_write(f, &n, now_ms(), give, &parts, &err) == ST_OK);
    CHECK(files_have(f, &n));
    snprintf(path, sizeof path, "%s/%s", folder, n.z);
    fd = open(path, O_RDONLY);
    CHECK(read(fd, got, sizeof got) == 6 && memcmp(got, "ababab", 6) == 0);
    buf_init(&b, 7);
    CHECK(files_read(f, &n, &b, &err) == ST_OK);
    CHECK(str_is(buf_str(&b), "ababab"));
    CHECK(files_read(f, &n, &b, &err) == ST_TOO_LARGE);
    CHECK(files_read(f, &other, &b, &err) == ST_UNAVAILABLE);
    buf_free(&b);
    CHECK(fstat(fd, &sb) == 0 && (sb.st_mode & 0777) == 0640);
    close(fd);
    CHECK(files_write(f, &other, 5, give, &broken, &err) == ST_UNAVAILABLE);
    CHECK(!files_have(f, &other) && count() == 1);
    CHECK(files_write(f, &n, now_ms(), give, &parts, &err) ==
          ST_OK); /* again */
    CHECK(count() == 1);
}

/* Whoever opens the name meanwhile finds one writer's bytes, all of them. */
static int write_or_look(int i, void *ctx)
{
    struct files *f = ctx;
    struct file_name n = name_of(f, 77);
    char path[300];
    struct stat sb;

    snprintf(path, sizeof path, "%s/%s", folder, n.z);
    for (int k = 0; k < 100; k++) {
        if (i && put(f, &n, now_ms(), 64) != ST_OK)
            return 1;
        if (!i && stat(path, &sb) == 0 && sb.st_size != 65536)
            return 2;
    }
    return 0;
}

static void writers(struct files *f)
{
    int codes[4];

    procs_run(4, write_or_look, f, codes);
    CHECK(procs_count(4, codes, 0) == 4);
}

static void bounds(struct files *f)
{
    int64_t now = now_ms();
    struct file_name n[12], old = name_of(f, now - TTL);

    /* Of two drivers, so that neither has too much. */
    for (int i = 0; i < 12; i++) {
        files_name(f, i % 2 ? U : W, &T, V, false, now - 100 + i, &n[i]);
        CHECK(put(f, &n[i], now - 100 + i, 95) == ST_OK);
    }
    CHECK(put(f, &old, now - TTL, 1) == ST_OK);
    CHECK(files_evict(f, &err) == ST_OK);
    CHECK(!files_have(f, &old));                           /* too old */
    CHECK(!files_have(f, &n[0]) && !files_have(f, &n[1])); /* too much */
    CHECK(files_have(f, &n[11]) && files_have(f, &n[2]));
    CHECK(files_evict(f, &err) == ST_OK && files_have(f, &n[2]));
}

/* The name of number i, written i ms later than the first. */
static struct file_name chosen(struct files *f, struct str user, bool is,
                               int64_t from, int i, size_t kb)
{
    struct file_name n;

    files_name(f, user, &T, V, is, from + i, &n);
    CHECK(put(f, &n, from + i, kb) == ST_OK);
    return n;
}

static void of_one_driver(struct files *f)
{
    int64_t from = now_ms() - 1000;
    struct file_name n[VIEWS + 2], whole, other, small[3];

    /* Older than all, and not of these: another kind, another driver. */
    whole = chosen(f, U, false, from, 0, 1);
    other = chosen(f, W, true, from, 1, 1);
    for (int i = 0; i < VIEWS; i++)
        n[i] = chosen(f, U, true, from, 10 + i, 1);
    CHECK(files_evict(f, &err) == ST_OK && files_have(f, &n[0]));
    n[VIEWS] = chosen(f, U, true, from, 10 + VIEWS, 1);
    n[VIEWS + 1] = chosen(f, U, true, from, 11 + VIEWS, 1);
    CHECK(files_evict(f, &err) == ST_OK);
    CHECK(!files_have(f, &n[0]) && !files_have(f, &n[1]));
    CHECK(files_have(f, &n[2]) && files_have(f, &n[VIEWS + 1]));
    CHECK(files_have(f, &whole) && files_have(f, &other));
    /* By bytes, just as much as there may be; and the newest in any case. */
    n[0] = chosen(f, W, true, from, 100, DRIVER_MAX / 1024 - 1);
    CHECK(files_evict(f, &err) == ST_OK && files_have(f, &other));
    small[0] = chosen(f, W, true, from, 101, 1);
    CHECK(files_evict(f, &err) == ST_OK && !files_have(f, &other));
    CHECK(files_have(f, &n[0]) && files_have(f, &small[0]));
    n[0] = chosen(f, W, true, from, 102, DRIVER_MAX / 1024 + 1);
    CHECK(files_evict(f, &err) == ST_OK && files_have(f, &n[0]));
    CHECK(!files_have(f, &small[0]) && files_have(f, &whole));
}

/* Temporaries are nobody's: many at once are many writers. */
static void many_writers(struct files *f)
{
    char path[300];

    for (int i = 0; i < VIEWS + 1; i++) {
        snprintf(path, sizeof path, "%s/.tmp-of-one-process-%d", folder, i);
        close(open(path, O_CREAT | O_WRONLY, 0600));
    }
    CHECK(files_evict(f, &err) == ST_OK && count() == VIEWS + 1);
}

static void make_old(const struct file_name *name)
{
    struct timespec then = {1, 0};
    char path[300];

    snprintf(path, sizeof path, "%s/%s", folder, name->z);
    CHECK(utimensat(AT_FDCWD, path, (struct timespec[]){then, then}, 0) == 0);
}

/* The folder's time is not believed before the clock's tick is over: what was
 * written within one would not show. */
static void not_settled(struct files *f)
{
    int64_t began = now_ms();
    struct file_name name = name_of(f, 8);
    bool quick;

    CHECK(put(f, &name, began, 1) == ST_OK && files_evict(f, &err) == ST_OK);
    quick = now_ms() - began < 90; /* else it may be settled by now */
    make_old(&name);               /* which the folder does not show */
    CHECK(files_evict(f, &err) == ST_OK);
    CHECK(!files_have(f, &name) || !quick);
}

/* Until something is written or expires, a look at the folder is all. */
static void looking_again(struct files *f)
{
    int64_t now = now_ms(), end = now + 600;
    struct file_name dying = name_of(f, end - TTL), aged = name_of(f, 9);

    CHECK(put(f, &aged, now, 1) == ST_OK);
    CHECK(put(f, &dying, end - TTL, 1) == ST_OK);
    clock_sleep_ms(150); /* the folder's time is settled */
    CHECK(files_evict(f, &err) == ST_OK);
    CHECK(files_have(f, &dying) || now_ms() >= end);
    make_old(&aged);
    CHECK(files_evict(f, &err) == ST_OK);
    CHECK(files_have(f, &aged) || now_ms() >= end);
    while (now_ms() < end)
        clock_sleep_ms(10);
    CHECK(files_evict(f, &err) == ST_OK && !files_have(f, &dying));
    CHECK(!files_have(f, &aged));
}

/* All together may just be as much as the bound. */
static void just_full(struct files *f)
{
    int64_t now = now_ms();
    struct file_name n[3] = {name_of(f, 1), name_of(f, 2), name_of(f, 3)};

    files_name(f, W, &T, V, false, 2, &n[1]);
    CHECK(put(f, &n[0], now, MAX / 2048) == ST_OK &&
          put(f, &n[1], now, MAX / 2048) == ST_OK);
    CHECK(files_evict(f, &err) == ST_OK);
    CHECK(files_have(f, &n[0]) && files_have(f, &n[1]));
    CHECK(put(f, &n[2], now - 9, 1) == ST_OK);
    CHECK(files_evict(f, &err) == ST_OK && !files_have(f, &n[2]));
    CHECK(files_have(f, &n[0]) && files_have(f, &n[1]));
}

/* A file that was half written when the power went has no reader: the name
 * has the boot, which the kernel tells. */
static void of_this_boot(struct files *f)
{
    struct file_name name = name_of(f, 7);
    char boot[65] = "", text[300], hash[SHA256_HEX + 1];
    FILE *id = fopen("/proc/sys/kernel/random/boot_id", "r");

    if (!CHECK(id && fgets(boot, sizeof boot, id)))
        return;
    fclose(id);
    snprintf(text, sizeof text, "%s\n%.*s\n%s\n%.*s\n7", boot, STR_ARG(U), T.z,
             STR_ARG(V));
    digest_sha256(str_of(text), hash);
    CHECK(strcmp(hash + 16, name.z + 16) == 0); /* before it: the driver */
}

/* What a crashed writer left goes in its time. */
static void leavings(struct files *f)
{
    struct timespec then = {now_ms() / 1000 - TTL / 1000 - 1, 0};
    char path[300];
    int fd;

    snprintf(path, sizeof path, "%s/.tmp-crashed", folder);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    CHECK(fd >= 0 && futimens(fd, (struct timespec[]){then, then}) == 0);
    close(fd);
    CHECK(files_evict(f, &err) == ST_OK && access(path, F_OK) != 0);
}

int main(void)
{
    struct files *f;

    folder = temp_folder();
    f = at("none");
    CHECK(!f);
    files_close(&f);
    f = at(folder);
    names(f);
    writing(f);
    writers(f);
    bounds(f);
    leavings(f);
    temp_remove(folder);
    files_close(&f);
    f = at(folder);
    not_settled(f);
    looking_again(f);
    temp_remove(folder);
    files_close(&f);
    f = at(folder);
    just_full(f);
    of_this_boot(f);
    temp_remove(folder);
    files_close(&f);
    f = at(folder);
    of_one_driver(f);
    temp_remove(folder);
    files_close(&f);
    f = at(folder);
    many_writers(f);
    files_close(&f);
    CHECK(!f);
    temp_remove(folder);
    return tap_end();
}

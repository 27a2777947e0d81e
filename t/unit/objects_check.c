/*
 * What objects_check of a folder finds: one that can be read and takes nothing.
 * A bucket's is tried in objects_s3.c.
 */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "store/folder.h"
#include "store/objects.h"
#include "t/unit/procs.h"
#include "t/unit/tap.h"

static const struct str key = STR_LIT("users/u/trips/t_5.json.gz");

static struct conf conf;
static struct objects *store;
static struct arena *arena;
static struct err err;
static char root[300], users[320];

static struct deadline soon(void)
{
    return deadline_in(20000);
}

static bool nothing_left(const char *folder)
{
    struct folder_names names;
    int fd;

    if (folder_open(folder, &fd, &err) != ST_OK ||
        folder_names(fd, NAMES_TEMP, arena, &names, &err) != ST_OK)
        abort();
    close(fd);
    return names.n == 0;
}

/* No file may be so long: what is left of a disk that is full. */
static bool no_room(void)
{
    const struct rlimit few = {3, 3};

    return signal(SIGXFSZ, SIG_IGN) != SIG_ERR &&
           setrlimit(RLIMIT_FSIZE, &few) == 0;
}

/* The folder of all drivers is somebody else's; root may no more than he. */
static bool no_right(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0}};

    return syscall(SYS_capset, &head, none) == 0 && chmod(users, 0500) == 0;
}

static int check_under(int i, void *ctx)
{
    bool (*const spoil)(void) = *(bool (**)(void))ctx;
    struct object o;

    (void)i;
    if (!spoil() ||
        objects_get(store, key, NULL, 9, soon(), arena, &o, &err) != ST_OK)
        return 255;
    if (objects_check(store, soon(), &err) == ST_OK)
        return 0;
    return strstr(err.text, "no object is accepted") && strstr(err.text, root)
               ? 1
               : 254;
}

static void takes_nothing(void)
{
    bool (*const spoil[])(void) = {no_room, no_right};
    int code;

    for (size_t i = 0; i < sizeof spoil / sizeof *spoil; i++) {
        procs_run(1, check_under, (void *)&spoil[i], &code);
        CHECK(code == 1);
        CHECK(chmod(users, 0700) == 0 &&
              objects_check(store, soon(), &err) == ST_OK);
        CHECK(nothing_left(users) && nothing_left(root));
    }
}

static void no_folder(void)
{
    char away[320];

    snprintf(away, sizeof away, "%s/away", root);
    CHECK(rename(users, away) == 0 && mknod(users, S_IFREG | 0600, 0) == 0);
    CHECK(objects_check(store, soon(), &err) != ST_OK);
    CHECK(unlink(users) == 0 && rename(away, users) == 0);
    CHECK(objects_check(store, soon(), &err) == ST_OK);
}

int main(void)
{
    const char *top = temp_folder();
    struct etag etag;

    arena = arena_new(0);
    snprintf(root, sizeof root, "%s/objects", top);
    snprintf(users, sizeof users, "%s/users", root);
    conf.objects_url = arena_printf(arena, "file://%s", root).p;
    if (objects_open(&conf, &store, &err) != ST_OK)
        abort();
    CHECK(objects_check(store, soon(), &err) == ST_OK && nothing_left(root));
    CHECK(objects_put(store, key, STR_LIT("x"), NULL, COND_NONE, NULL, soon(),
                      &etag, &err) == ST_OK);
    takes_nothing();
    no_folder();
    objects_close(&store);
    arena_free(&arena);
    temp_remove(top);
    return tap_end();
}

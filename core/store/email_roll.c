/*
 * email_roll.c - the file: a head, an entry a user by the hash of his e-mail,
 * the ids of them all; and behind that, one by one, who was added since.
 *
 * Nothing in it is synced or summed up: what a power cut or another hand
 * spoilt leads to a user's record that does not agree, or to nobody, until the
 * next reading a minute later.
 */
#include "store/email_roll.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/digest.h"
#include "store/folder.h"

#define MAGIC "dgroll1\n" /* and so the machine's byte order: it stays here */
#define FILE_NAME "emails"
#define LOCK_NAME "emails.lock"
#define LOCK_STEP_MS 20
#define WARN_AGAIN_US (INT64_C(24) * 3600 * 1000000)
#define ADDED_MAX (1024 * 1024) /* bytes; then a new reading is cheaper */
#define ADDED_ID_MAX 2048       /* DynamoDB's keys are no longer */

struct roll_head {
    char magic[8];
    uint64_t of; /* whose users: a hash */
    int64_t read_us, warned_us;
    uint64_t users, ids; /* entries; bytes of ids */
};

struct roll_entry {
    uint64_t hash;
    uint32_t at, n; /* of the id, in the ids */
};

struct roll_added { /* the id follows */
    uint64_t hash, n;
};

struct email_roll {
    const char *folder;
    uint64_t of;
    int64_t warned_us; /* of the file that was last found */
    const char *map;   /* NULL: none */
    size_t size;
    dev_t dev;
    ino_t ino;
};

static uint64_t roll_hash(struct str s)
{
    char hex[SHA256_HEX + 1];

    digest_sha256(s, hex);
    hex[16] = '\0';
    return strtoull(hex, NULL, 16);
}

struct email_roll *email_roll_new(const char *folder, struct str of)
{
    struct email_roll *r = calloc(1, sizeof *r);

    assert(r);
    r->folder = folder;
    r->of = roll_hash(of);
    return r;
}

static void roll_unmap(struct email_roll *r)
{
    if (r->map)
        munmap((void *)r->map, r->size);
    r->map = NULL;
}

void email_roll_free(struct email_roll **r)
{
    if (!*r)
        return;
    roll_unmap(*r);
    free(*r);
    *r = NULL;
}

/* ---- reading ---- */

static bool roll_is_whole(const struct email_roll *r, const struct roll_head *h,
                          size_t size)
{
    return memcmp(h->magic, MAGIC, sizeof h->magic) == 0 && h->of == r->of &&
           h->users <= EMAIL_ROLL_USERS && h->ids <= EMAIL_ROLL_BYTES &&
           size - sizeof *h >= h->users * sizeof(struct roll_entry) + h->ids;
}

static bool roll_path(const struct email_roll *r, const char *name,
                      char out[PATH_MAX])
{
    return snprintf(out, PATH_MAX, "%s/%s", r->folder, name) < PATH_MAX;
}

static void roll_map(struct email_roll *r, int fd, const struct stat *sb)
{
    size_t size = (size_t)sb->st_size;
    void *map;

    if (size < sizeof(struct roll_head))
        return;
    map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return;
    r->map = map;
    r->size = size;
    r->dev = sb->st_dev;
    r->ino = sb->st_ino;
    if (!roll_is_whole(r, map, size))
        roll_unmap(r);
}

/* The host's file as it is now, if it is of any use. */
static const struct roll_head *roll_look(struct email_roll *r)
{
    char path[PATH_MAX];
    struct stat sb;
    int fd;

    if (r->map && roll_path(r, FILE_NAME, path) && stat(path, &sb) == 0 &&
        sb.st_dev == r->dev && sb.st_ino == r->ino &&
        (size_t)sb.st_size == r->size &&
        roll_is_whole(r, (const struct roll_head *)r->map, r->size))
        return (const struct roll_head *)r->map;
    roll_unmap(r);
    if (!roll_path(r, FILE_NAME, path))
        return NULL;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &sb) == 0)
        roll_map(r, fd, &sb);
    close(fd);
    return (const struct roll_head *)r->map;
}

static void ids_take(struct email_ids *out, struct str id, struct arena *a)
{
    for (size_t i = 0; i < out->n; i++)
        if (str_eq(out->id[i], id))
            return;
    if (out->n < EMAIL_IDS_MAX)
        out->id[out->n++] = arena_copy(a, id);
}

/* The first entry of at least that hash. */
static size_t roll_lower_bound(const struct roll_entry *e, size_t n,
                               uint64_t hash)
{
    size_t from = 0;

    while (from < n) {
        size_t mid = from + (n - from) / 2;

        if (e[mid].hash < hash)
            from = mid + 1;
        else
            n = mid;
    }
    return from;
}

static void find_read(const struct roll_head *h, uint64_t hash, struct arena *a,
                      struct email_ids *out)
{
    const struct roll_entry *e = (const struct roll_entry *)(h + 1);
    const char *ids = (const char *)(e + h->users);
    size_t i = roll_lower_bound(e, h->users, hash);

    for (; i < h->users && e[i].hash == hash; i++)
        if ((uint64_t)e[i].at + e[i].n <= h->ids)
            ids_take(out, (struct str){ids + e[i].at, e[i].n}, a);
}

static size_t roll_read_size(const struct roll_head *h)
{
    return sizeof *h + h->users * sizeof(struct roll_entry) + h->ids;
}

static void find_added(const struct email_roll *r, const struct roll_head *h,
                       uint64_t hash, struct arena *a, struct email_ids *out)
{
    size_t at = roll_read_size(h);
    struct roll_added add;

    while (r->size - at > sizeof add) {
        memcpy(&add, r->map + at, sizeof add);
        at += sizeof add;
        if (add.n > r->size - at)
            return; /* half of one, on its way */
        if (add.hash == hash)
            ids_take(out, (struct str){r->map + at, (size_t)add.n}, a);
        at += (size_t)add.n;
    }
}

bool email_roll_find(struct email_roll *r, struct str email, struct arena *a,
                     struct email_ids *out, int64_t *read_us)
{
    const struct roll_head *h = roll_look(r);
    uint64_t hash = roll_hash(email);

    out->n = 0;
    if (!h)
        return false;
    r->warned_us = h->warned_us;
    *read_us = h->read_us;
    find_read(h, hash, a, out);
    find_added(r, h, hash, a, out);
    return true;
}

/* ---- who reads ---- */

enum status email_roll_lock(struct email_roll *r, struct deadline d, int *lock,
                            struct err *err)
{
    char path[PATH_MAX];
    bool locked = false;
    enum status st = ST_OK;

    *lock = -1;
    if (!roll_path(r, LOCK_NAME, path))
        return err_set(err, ST_UNAVAILABLE, NULL,
                       "the spool's name is too long");
    *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (*lock < 0)
        return file_errno(err, "open", path);
    while ((st = file_lock_try(*lock, &locked, err)) == ST_OK && !locked) {
        if (deadline_left_ms(d) <= LOCK_STEP_MS) {
            st = err_set(err, ST_TIMEOUT, NULL,
                         "another process of this host still reads all users "
                         "for their e-mails");
            break;
        }
        clock_sleep_ms(LOCK_STEP_MS);
    }
    if (st != ST_OK)
        email_roll_unlock(lock);
    return st;
}

void email_roll_unlock(int *lock)
{
    if (*lock >= 0)
        close(*lock);
    *lock = -1;
}

/* ---- a new one ---- */

struct roll_draft {
    int64_t read_us;
    struct buf entries, ids;
};

struct roll_draft *roll_draft_new(void)
{
    struct roll_draft *d = calloc(1, sizeof *d);

    assert(d);
    d->read_us = clock_wall_us();
    buf_init(&d->entries, EMAIL_ROLL_USERS * sizeof(struct roll_entry));
    buf_init(&d->ids, EMAIL_ROLL_BYTES);
    return d;
}

void roll_draft_free(struct roll_draft **d)
{
    if (!*d)
        return;
    buf_free(&(*d)->entries);
    buf_free(&(*d)->ids);
    free(*d);
    *d = NULL;
}

size_t roll_draft_users(const struct roll_draft *d)
{
    return d->entries.n / sizeof(struct roll_entry);
}

enum status roll_draft_add(struct roll_draft *d, struct str email,
                           struct str user_id, struct err *err)
{
    struct roll_entry e = {.hash = roll_hash(email),
                           .at = (uint32_t)d->ids.n,
                           .n = (uint32_t)user_id.n};

    buf_put(&d->ids, user_id);
    buf_put(&d->entries, (struct str){(const char *)&e, sizeof e});
    if (buf_ok(&d->ids) && buf_ok(&d->entries))
        return ST_OK;
    return err_set(err, ST_UNAVAILABLE, "too_many_users",
                   "there are more users than can be looked through for an "
                   "e-mail (%d); give the table an index: driveguardctl "
                   "tables init",
                   EMAIL_ROLL_USERS);
}

static int by_hash(const void *a, const void *b)
{
    const struct roll_entry *x = a, *y = b;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

bool email_roll_due_warning(const struct email_roll *r)
{
    int64_t age = clock_wall_us() - r->warned_us;

    return age < 0 || age > WARN_AGAIN_US;
}

static enum status draft_write(const struct roll_draft *d,
                               const struct roll_head *h, int fd,
                               struct err *err)
{
    enum status st =
        file_write(fd, (struct str){(const char *)h, sizeof *h}, err);

    if (st == ST_OK)
        st = file_write(fd, buf_str(&d->entries), err);
    return st == ST_OK ? file_write(fd, buf_str(&d->ids), err) : st;
}

/* Another name first: whoever finds the file finds all of it. */
static enum status draft_place(const struct roll_draft *d,
                               const struct roll_head *h, int at,
                               struct err *err)
{
    char name[TEMP_NAME_MAX + 1];
    enum status st;
    int fd;

    temp_name(name);
    if ((st = temp_create(at, name, &fd, err)) != ST_OK)
        return st;
    st = draft_write(d, h, fd, err);
    close(fd);
    if (st == ST_OK && renameat(at, name, at, FILE_NAME))
        st = file_errno(err, "rename", FILE_NAME);
    if (st != ST_OK)
        (void)unlinkat(at, name, 0); /* what failed is said already */
    return st;
}

enum status email_roll_publish(struct email_roll *r, struct roll_draft *d,
                               bool warned, struct err *err)
{
    struct roll_head h = {.of = r->of,
                          .read_us = d->read_us,
                          .warned_us = warned ? d->read_us : r->warned_us,
                          .users = roll_draft_users(d),
                          .ids = d->ids.n};
    int at = open(r->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum status st;

    if (at < 0)
        return file_errno(err, "open folder", r->folder);
    memcpy(h.magic, MAGIC, sizeof h.magic);
    if (h.users)
        qsort(d->entries.p, h.users, sizeof(struct roll_entry), by_hash);
    st = draft_place(d, &h, at, err);
    close(at);
    r->warned_us = h.warned_us;
    return st;
}

/* ---- one more ---- */

static enum status roll_append(const char *path, struct str bytes,
                               struct err *err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    enum status st;

    if (fd < 0)
        return errno == ENOENT ? ST_OK : file_errno(err, "open", path);
    st = file_write(fd, bytes, err);
    close(fd);
    return st;
}

enum status email_roll_add(struct email_roll *r, struct str email,
                           struct str user_id, struct err *err)
{
    const struct roll_head *h = roll_look(r);
    struct roll_added add = {roll_hash(email), user_id.n};
    char path[PATH_MAX];
    struct buf b;
    enum status st;

    if (!h || !roll_path(r, FILE_NAME, path))
        return ST_OK;
    if (r->size - roll_read_size(h) > ADDED_MAX) {
        roll_unmap(r);
        return unlink(path) && errno != ENOENT ? file_errno(err, "remove", path)
                                               : ST_OK;
    }
    buf_init(&b, sizeof add + ADDED_ID_MAX);
    buf_put(&b, (struct str){(const char *)&add, sizeof add});
    buf_put(&b, user_id);
    st = buf_ok(&b) ? roll_append(path, buf_str(&b), err) : ST_OK;
    buf_free(&b);
    return st;
}

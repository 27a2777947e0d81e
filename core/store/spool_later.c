/*
 * spool_later.c - debts that fall due later: one for each trip under way, of
 * which nearly all are taken back before.
 *
 * All that fall due at one time are lines of one file, which is named by that
 * time: a debt is a line that is appended, and so is its end.
 *
 *   >trip_1
 *   <trip_1
 *
 * One that fails is ended here and owed once more when its pause is over, with
 * a mark more: >>trip_1 has failed once, >>>trip_1 twice.
 *
 * So no trip makes or removes a name: SQLite's next sync would write that, too,
 * where it lies on the same disk. A look at many thousands of debts reads a few
 * names, and opens the files that are due.
 *
 * The marks are in no id. A line that was not written to its end (a full disk)
 * costs no other: what counts of a line begins at its last mark.
 */
#include "store/spool_impl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/folder.h"

#define OWED '>'
#define ENDED '<'
#define DUE_DIGITS 16 /* so that names sort by time */
#define DUE_MAX 24
#define TRIES 10
#define MARKS_MAX 10 /* by then a pause is PAUSE_MAX_MS */
/* A million trips in one step; no host has so many. */
#define LATER_FILE_MAX (256 << 20)

static void later_name(int64_t due_ms, char out[DUE_MAX])
{
    assert(due_ms >= 0);
    snprintf(out, DUE_MAX, "%0*" PRId64, DUE_DIGITS, due_ms);
}

static bool later_due(const char *name, int64_t *due_ms)
{
    return strlen(name) == DUE_DIGITS && str_to_i64(str_of(name), due_ms) &&
           *due_ms >= 0;
}

/* ---- owed, and taken back ---- */

#define LATER_LINE_MAX (MARKS_MAX + ID_MAX + 2)

static size_t later_line(char mark, int marks, struct str trip_id,
                         char out[LATER_LINE_MAX])
{
    assert(marks > 0 && marks <= MARKS_MAX);
    memset(out, mark, (size_t)marks);
    return (size_t)marks + (size_t)snprintf(out + marks,
                                            LATER_LINE_MAX - (size_t)marks,
                                            "%.*s\n", STR_ARG(trip_id));
}

/* In one write: lines of several processes do not mix. */
static enum status later_append(int fd, char mark, int marks,
                                struct str trip_id, struct err *err)
{
    char line[LATER_LINE_MAX];
    size_t n = later_line(mark, marks, trip_id, line);

    return file_write(fd, (struct str){line, n}, err);
}

/* Its lock, which others may have, too: while it is held, nobody removes the
 * file. False when somebody has done so before. */
static bool later_hold(int fd)
{
    struct stat st;

    while (flock(fd, LOCK_SH) && errno == EINTR)
        continue;
    return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

static int later_open(int kind, const char *name)
{
    for (int tries = 0; tries < TRIES; tries++) {
        int fd = openat(kind, name,
                        O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                        0640);

        if (fd < 0 || later_hold(fd))
            return fd;
        close(fd);
    }
    errno = EBUSY;
    return -1;
}

/* The pause of one that has so many marks, and the marks of such a pause. */
static int64_t later_pause(int marks)
{
    return marks > 1 ? (int64_t)PAUSE_FIRST_MS << (marks - 2) : 0;
}

static int later_marks(int64_t pause_ms)
{
    int marks = 1;

    while (marks < MARKS_MAX && later_pause(marks) < pause_ms)
        marks++;
    return marks;
}

enum status later_add(struct spool *s, const struct debt *debt, struct err *err)
{
    char name[DUE_MAX];
    enum status st;
    int fd;

    later_name(debt->due_ms, name);
    fd = later_open(s->kind[debt->kind], name);
    if (fd < 0)
        return file_errno(err, "open spool entries of", name);
    st =
        later_append(fd, OWED, later_marks(debt->pause_ms), debt->trip_id, err);
    close(fd);
    return st;
}

void spool_take_back(struct spool *s, const struct debt *debt)
{
    char name[DUE_MAX];
    struct log_value trip;
    int fd;

    assert(debt_place(debt->kind) == PLACE_LATER && id_valid(debt->trip_id));
    later_name(debt->due_ms, name);
    fd = openat(s->kind[debt->kind], name,
                O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    /* One that stays is looked at when it is due: no harm. */
    if (later_append(fd, ENDED, 1, debt->trip_id, NULL) != ST_OK)
        log_line(LOG_WARN, "spool_entry_stays", "trip_id=%s",
                 log_quoted(debt->trip_id, &trip));
    close(fd);
}

/* ---- read ---- */

struct later_list {
    struct later {
        struct str trip_id;
        char mark;
        int marks;
    } * v;
    size_t n;
    size_t damaged; /* lines that say nothing */
    size_t size;    /* of the file, when it was read */
};

static enum status later_text(int fd, const char *name, struct arena *a,
                              struct str *out, struct err *err)
{
    struct stat st;
    char *z;
    size_t n = 0;
    ssize_t got = 1;

    if (fstat(fd, &st))
        return file_errno(err, "look at spool entries of", name);
    if (!S_ISREG(st.st_mode) || st.st_size > LATER_FILE_MAX)
        return ST_CORRUPT;
    z = arena_alloc(a, (size_t)st.st_size + 1);
    while (got > 0 && n < (size_t)st.st_size) {
        got = pread(fd, z + n, (size_t)st.st_size - n, (off_t)n);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got < 0)
            return file_errno(err, "read spool entries of", name);
        else
            n += (size_t)got;
    }
    *out = (struct str){z, n};
    return ST_OK;
}

static bool later_parse(struct str line, struct later *out)
{
    size_t at = line.n;

    while (at > 0 && line.p[at - 1] != OWED && line.p[at - 1] != ENDED)
        at--;
    if (at == 0)
        return false;
    *out = (struct later){{line.p + at, line.n - at}, line.p[at - 1], 1};
    while (out->marks < MARKS_MAX && (size_t)out->marks < at &&
           line.p[at - 1 - (size_t)out->marks] == out->mark)
        out->marks++;
    return id_valid(out->trip_id);
}

static size_t later_count_lines(struct str text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

/* By trip, and of one trip as the lines came. */
static int later_compare(const void *a, const void *b)
{
    const struct later *x = a, *y = b;
    int by_trip = str_cmp(x->trip_id, y->trip_id);

    return by_trip                        ? by_trip
           : x->trip_id.p == y->trip_id.p ? 0
           : x->trip_id.p < y->trip_id.p  ? -1
                                          : 1;
}

/* The last line of a trip says whether it is owed. */
static void later_keep_owed(struct later_list *list)
{
    size_t kept = 0;

    if (list->n)
        qsort(list->v, list->n, sizeof *list->v, later_compare);
    for (size_t i = 0; i < list->n; i++)
        if ((i + 1 == list->n ||
             !str_eq(list->v[i].trip_id, list->v[i + 1].trip_id)) &&
            list->v[i].mark == OWED)
            list->v[kept++] = list->v[i];
    list->n = kept;
}

/* What is owed by the file, by trip; ST_CORRUPT if it is none. A line without
 * an end is still being written, or never will be. */
static enum status later_read(int fd, const char *name, struct arena *a,
                              struct later_list *out, struct err *err)
{
    struct str text = STR_NONE;
    enum status st = later_text(fd, name, a, &text, err);
    const char *p, *end, *newline;

    if (st != ST_OK)
        return st;
    *out = (struct later_list){.size = text.n};
    out->v = arena_alloc_n(a, later_count_lines(text) + 1, sizeof *out->v);
    end = text.p + text.n;
    for (p = text.p; (newline = memchr(p, '\n', (size_t)(end - p)));
         p = newline + 1) {
        struct str line = {p, (size_t)(newline - p)};

        if (later_parse(line, &out->v[out->n]))
            out->n++;
        else
            out->damaged++;
    }
    later_keep_owed(out);
    return ST_OK;
}

/* ---- worked off ---- */

/* The file, of which nothing is owed any more, unless a line came since it was
 * read. */
static enum status later_remove(struct spool *s, enum debt_kind kind,
                                const char *name, int fd,
                                const struct later_list *list, struct err *err)
{
    bool locked;
    struct stat now;
    enum status st = file_lock_try(fd, &locked, err);

    if (st != ST_OK || !locked)
        return st;
    if (fstat(fd, &now))
        return file_errno(err, "look at spool entries of", name);
    if ((size_t)now.st_size != list->size)
        return ST_OK;
    if (list->damaged)
        spool_set_aside(s, kind, name);
    else if (unlinkat(s->kind[kind], name, 0) && errno != ENOENT)
        return file_errno(err, "remove spool entries of", name);
    return ST_OK;
}

/* Owed once more when its pause is over. Due times are rounded up, so that
 * what fails together is in one file. */
static enum status later_put_off(struct spool *s, const struct debt *debt,
                                 int64_t took_ms, struct err *err)
{
    struct debt again = *debt;

    again.pause_ms = pause_next(debt->pause_ms, took_ms);
    again.due_ms = clock_wall_us() / 1000 + again.pause_ms;
    again.due_ms += PAUSE_FIRST_MS - again.due_ms % PAUSE_FIRST_MS;
    return later_add(s, &again, err);
}

/* Whether it is to be ended in this file; *st: of putting it off. */
static bool later_take(struct spool *s, const struct debt *debt,
                       spool_each each, void *ctx, enum status *st,
                       struct err *err)
{
    int64_t began = clock_mono_ms();

    switch (each(ctx, debt)) {
    case SPOOL_SETTLED:
        return true;
    case SPOOL_FAILED:
        *st = later_put_off(s, debt, clock_mono_ms() - began, err);
        s->failing[debt->kind]++;
        return *st == ST_OK;
    case SPOOL_UNTRIED:
        break;
    }
    s->failing[debt->kind] += debt->pause_ms > 0;
    return false;
}

/* One that is done is noted at once, so that it is not done again when others
 * keep the file there. */
static enum status later_work_each(struct spool *s, struct debt *debt, int fd,
                                   struct later_list *list, spool_each each,
                                   void *ctx, struct err *err)
{
    char line[LATER_LINE_MAX];
    size_t kept = 0;
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < list->n; i++) {
        debt->trip_id = list->v[i].trip_id;
        debt->pause_ms = later_pause(list->v[i].marks);
        if (!later_take(s, debt, each, ctx, &st, err)) {
            list->v[kept++] = list->v[i];
            continue;
        }
        st = later_append(fd, ENDED, 1, debt->trip_id, err);
        list->size += later_line(ENDED, 1, debt->trip_id, line);
    }
    list->n = kept;
    return st;
}

static enum status later_work_file(struct spool *s, struct debt *debt,
                                   const char *name, spool_each each, void *ctx,
                                   struct err *err)
{
    int fd = openat(s->kind[debt->kind], name,
                    O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    struct arena *a;
    struct later_list list;
    enum status st;

    if (fd < 0 && errno == ENOENT)
        return ST_OK; /* another process was quicker */
    if (fd < 0 && errno != EISDIR && errno != ELOOP)
        return file_errno(err, "open spool entries of", name);
    a = arena_new(0);
    st = fd < 0 ? ST_CORRUPT : later_read(fd, name, a, &list, err);
    if (st == ST_OK)
        st = later_work_each(s, debt, fd, &list, each, ctx, err);
    if (st == ST_OK && !list.n)
        st = later_remove(s, debt->kind, name, fd, &list, err);
    if (st == ST_CORRUPT) {
        spool_set_aside(s, debt->kind, name);
        st = ST_OK;
    }
    arena_free(&a);
    if (fd >= 0)
        close(fd);
    return st;
}

enum status later_work(struct spool *s, enum debt_kind kind, const char *name,
                       spool_each each, void *ctx, struct err *err)
{
    struct debt debt = {.kind = kind};

    if (!later_due(name, &debt.due_ms)) {
        spool_set_aside(s, kind, name);
        return ST_OK;
    }
    if (debt.due_ms > clock_wall_us() / 1000)
        return ST_OK;
    return later_work_file(s, &debt, name, each, ctx, err);
}

enum status later_count(struct spool *s, enum debt_kind kind,
                        const struct folder_names *due, int64_t *out,
                        struct err *err)
{
    struct arena *a = arena_new(0);
    enum status st = ST_OK;

    *out = 0;
    for (size_t i = 0; st == ST_OK && i < due->n; i++) {
        int fd = openat(s->kind[kind], due->v[i],
                        O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        struct later_list list = {.n = 0};
        int64_t due_ms;

        if (fd < 0)
            continue; /* worked off meanwhile */
        if (later_due(due->v[i], &due_ms))
            st = later_read(fd, due->v[i], a, &list, err);
        if (st == ST_OK)
            *out += (int64_t)list.n;
        if (st == ST_CORRUPT)
            st = ST_OK; /* set aside when it is due */
        close(fd);
        arena_reset(a);
    }
    arena_free(&a);
    return st;
}

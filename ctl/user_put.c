/*
 * user_put.c - driveguardctl user put: users out of a file.
 *
 * Each user stands for himself: one that is refused is named with the reason,
 * and the others go in. What a file does not name is kept, and what is not
 * ours is kept for whom it belongs to; its values are never printed.
 */
#include <stdio.h>
#include <stdlib.h>
#include "base/shown.h"
#include "ctl/progress.h"
#include "ctl/user.h"
#include "driver/user_file.h"
#include "service/users.h"

#define FILE_MAX ((size_t)512 * 1024 * 1024)
#define AT_ONCE 200 /* in one transaction, which stops other writers */
#define ROUND_MS 120000
#define NAMES_MAX 32 /* of foreign members that are counted by name */

struct putting {
    struct user_session *s;
    struct user_file file;
    struct user_entry **round; /* whose users are being put */
    struct user *user;         /* theirs, side by side */
    size_t in_round, done, put;
    struct progress progress;
    struct {
        struct str name;
        size_t n;
    } foreign[NAMES_MAX];
    size_t names, foreign_n, foreign_unnamed;
};

static enum status input_read(FILE *f, const char *path, struct buf *out,
                              struct err *err)
{
    size_t n = 1;

    while (n && buf_ok(out)) {
        char chunk[65536];

        n = fread(chunk, 1, sizeof chunk, f);
        buf_put(out, (struct str){chunk, n});
    }
    if (ferror(f))
        return err_set(err, ST_BAD_REQUEST, NULL, "cannot read %s: %m", path);
    if (!buf_ok(out))
        return err_set(err, ST_TOO_LARGE, NULL,
                       "%s is larger than %zu bytes: split it", path, FILE_MAX);
    return ST_OK;
}

/* ---- what is said ---- */

static void say(struct putting *p, const struct user_entry *e, const char *what,
                const char *why)
{
    progress_end(&p->progress);
    fprintf(stderr, "driveguardctl: %s %zu", p->file.lines ? "line" : "user",
            e->place);
    if (e->user.user_id.n)
        fprintf(stderr, " (%s)", shown_of(e->user.user_id).z);
    fprintf(stderr, ": %s: %s\n", what, why);
}

static void say_refused(struct putting *p, const struct user_entry *e,
                        const char *why)
{
    say(p, e, "refused", why);
    p->s->refused++;
}

static void count_foreign(struct putting *p, const struct user *u)
{
    struct json_iter it = json_iter(json_of(u->foreign));
    struct json key, v;

    while (json_next(&it, &key, &v)) {
        size_t i = 0;

        if (v.type == JSON_NULL)
            continue;
        p->foreign_n++;
        while (i < p->names && !str_eq(p->foreign[i].name, key.raw))
            i++;
        if (i == NAMES_MAX) {
            p->foreign_unnamed++;
            continue;
        }
        if (i == p->names)
            p->foreign[p->names++].name = key.raw;
        p->foreign[i].n++;
    }
}

static void say_foreign(const struct putting *p)
{
    if (p->foreign_n == 0)
        return;
    printf("%zu members that are not ours kept:", p->foreign_n);
    for (size_t i = 0; i < p->names; i++)
        printf("%s %s %zu", i ? "," : "", shown_of(p->foreign[i].name).z,
               p->foreign[i].n);
    if (p->foreign_unnamed)
        printf(", and under other names %zu", p->foreign_unnamed);
    putchar('\n');
}

static void say_all(const struct putting *p)
{
    printf("%zu user%s put", p->put, p->put == 1 ? "" : "s");
    if (p->s->refused)
        printf(", %zu refused", p->s->refused);
    putchar('\n');
    say_foreign(p);
}

/* ---- a round of users ---- */

static void put_ended(void *ctx, size_t i, enum status st,
                      const struct err *err)
{
    struct putting *p = ctx;
    const struct user *u = &p->user[i];

    if (st != ST_OK && st != ST_PRECONDITION) {
        say_refused(p, p->round[i], err->text);
        p->done++;
        return;
    }
    if (st == ST_PRECONDITION) { /* put_round puts it in all the same */
        p->user[i].shares_email = true;
        say(p, p->round[i], "warning",
            arena_printf(p->s->call.arena,
                         "%s; a look-up finds the one that has trips",
                         err->text)
                .p);
        return;
    }
    p->put++;
    p->done++;
    count_foreign(p, u);
}

/* Those whose e-mail another has go in by a second try: to one who takes in
 * an export it is a warning, and each has to be told. */
static enum status put_shared(struct putting *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->in_round; i++)
        if (p->user[i].shares_email && !p->round[i]->user.shares_email) {
            p->user[n] = p->user[i];
            p->round[n++] = p->round[i];
        }
    p->in_round = n;
    return n ? users_put(&p->s->call, p->user, n, put_ended, p) : ST_OK;
}

static enum status put_round(struct putting *p)
{
    enum status st = ST_OK;

    if (p->in_round == 0)
        return ST_OK;
    p->s->call.deadline = deadline_in(ROUND_MS);
    st = users_put(&p->s->call, p->user, p->in_round, put_ended, p);
    if (st == ST_OK)
        st = put_shared(p);
    if (st != ST_OK)
        return err_add(&p->s->err, "%zu of %zu users are in (run it again)",
                       p->put, p->file.n);
    p->in_round = 0;
    progress_show(&p->progress, (int64_t)p->done);
    return ST_OK;
}

static void warn_email(struct putting *p, const struct user_entry *e)
{
    say(p, e, "warning",
        arena_printf(p->s->call.arena,
                     "user %s in this file has that e-mail, too; a look-up "
                     "finds the one that has trips",
                     shown_of(e->like->user.user_id).z)
            .p);
}

static enum status put_entries(struct putting *p)
{
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < p->file.n; i++) {
        struct user_entry *e = &p->file.entry[i];

        if (e->why.n) {
            say_refused(p, e, e->why.p);
            p->done++;
            continue;
        }
        if (e->like)
            warn_email(p, e);
        p->round[p->in_round] = e;
        p->user[p->in_round++] = e->user;
        if (p->in_round == AT_ONCE)
            st = put_round(p);
    }
    return st == ST_OK ? put_round(p) : st;
}

static enum status put_users(struct user_session *s, const char *path)
{
    struct arena *a = s->call.arena;
    struct putting p = {.s = s};
    struct buf text;
    enum status st;

    buf_init(&text, FILE_MAX);
    st = input_read(s->input, path, &text, &s->err);
    if (st == ST_OK)
        st = user_file_read(buf_str(&text), a, &p.file, &s->err);
    if (st == ST_OK) {
        p.round = arena_alloc_n(a, AT_ONCE, sizeof *p.round);
        p.user = arena_alloc_n(a, AT_ONCE, sizeof *p.user);
        p.progress = progress_begin("users", (int64_t)p.file.n, 0);
        st = put_entries(&p);
        progress_end(&p.progress);
        if (p.put || st == ST_OK)
            say_all(&p);
    }
    buf_free(&text);
    return st;
}

int ctl_user_put(const struct ctl *ctl, int argc, char **argv)
{
    return argc == 2 ? user_session(ctl, argv[1], put_users) : CTL_USAGE;
}

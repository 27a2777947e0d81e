#include <stdio.h>
#include <string.h>
#include "ctl/ctl.h"
#include "driver/driver.h"
#include "driver/user_json.h"
#include "service/users.h"

#define FILE_MAX ((size_t)256 * 1024 * 1024)
#define CALL_MS 30000
#define LIST_MS 3600000

/* What every subcommand has open. */
struct session {
    struct call call;
    FILE *input; /* of a command that reads a file */
    struct err err;
};

static int with_session(const struct ctl *ctl, const char *arg,
                        enum status (*work)(struct session *s, const char *arg))
{
    struct session s = {.err = ERR_NONE, .input = ctl->input};
    int rc = CTL_DONE;

    if (stores_open(ctl->conf, &s.call.stores, &s.err) != ST_OK)
        return ctl_complain(&s.err);
    s.call.arena = arena_new(64 * 1024);
    s.call.err = &s.err;
    if (work(&s, arg) != ST_OK)
        rc = ctl_complain(&s.err);
    if (fflush(stdout) != 0)
        rc = CTL_FAILED;
    arena_free(&s.call.arena);
    stores_close(&s.call.stores);
    return rc;
}

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
        return err_set(err, ST_TOO_LARGE, NULL, "%s is larger than %zu bytes",
                       path, FILE_MAX);
    return ST_OK;
}

static enum status put_users(struct session *s, const char *path)
{
    struct user_list list;
    struct buf text;
    enum status st;

    buf_init(&text, FILE_MAX);
    st = input_read(s->input, path, &text, &s->err);
    if (st == ST_OK)
        st = users_parse(buf_str(&text), s->call.arena, &list, &s->err);
    for (size_t i = 0; st == ST_OK && i < list.n; i++) {
        s->call.user_id = list.user[i].user_id;
        s->call.deadline = deadline_in(CALL_MS);
        st = user_put(&s->call, &list.user[i]);
        if (st != ST_OK)
            err_add(&s->err, "user %zu of %zu (%.*s), those before it are in",
                    i + 1, list.n, STR_ARG(list.user[i].user_id));
    }
    buf_free(&text);
    if (st == ST_OK)
        printf("%zu user%s put\n", list.n, list.n == 1 ? "" : "s");
    return st;
}

static enum status list_user(void *ctx, const struct user *u)
{
    (void)ctx;
    printf("%-40.*s %-32.*s %-10.*s %.*s\n", STR_ARG(u->user_id),
           STR_ARG(u->email), STR_ARG(u->role), STR_ARG(u->name));
    return ST_OK;
}

static enum status list_users(struct session *s, const char *unused)
{
    (void)unused;
    return records_users(s->call.stores->records, deadline_in(LIST_MS),
                         list_user, NULL, &s->err);
}

static enum status not_known(struct session *s, const char *id)
{
    return err_set(&s->err, ST_NOT_FOUND, NULL, "no user %s", id);
}

/* By id, or by e-mail when there is no such id. */
static enum status find_user(struct session *s, const char *id,
                             struct user *out)
{
    struct deadline d = deadline_in(CALL_MS);
    enum status st = records_user(s->call.stores->records, str_of(id), d,
                                  s->call.arena, out, &s->err);

    if (st == ST_NOT_FOUND)
        st =
            records_user_by_email(s->call.stores->records,
                                  driver_email_lower(str_of(id), s->call.arena),
                                  d, s->call.arena, out, &s->err);
    return st == ST_NOT_FOUND ? not_known(s, id) : st;
}

static enum status show_user(struct session *s, const char *id)
{
    struct user u;
    enum status st = find_user(s, id, &u);

    if (st == ST_OK)
        printf("%.*s\n", STR_ARG(user_print(&u, s->call.arena)));
    return st;
}

static enum status remove_user(struct session *s, const char *id)
{
    struct user u;
    enum status st = find_user(s, id, &u);

    if (st == ST_OK) {
        s->call.user_id = u.user_id;
        s->call.deadline = deadline_in(CALL_MS);
        st = user_remove(&s->call);
    }
    if (st == ST_OK)
        printf("user %.*s removed; trips and analyses are untouched\n",
               STR_ARG(u.user_id));
    return st == ST_NOT_FOUND ? not_known(s, id) : st;
}

int ctl_user_put(const struct ctl *ctl, int argc, char **argv)
{
    return argc == 2 ? with_session(ctl, argv[1], put_users) : CTL_USAGE;
}

int ctl_user_list(const struct ctl *ctl, int argc, char **argv)
{
    (void)argv;
    return argc == 1 ? with_session(ctl, NULL, list_users) : CTL_USAGE;
}

int ctl_user_show(const struct ctl *ctl, int argc, char **argv)
{
    return argc == 2 ? with_session(ctl, argv[1], show_user) : CTL_USAGE;
}

int ctl_user_remove(const struct ctl *ctl, int argc, char **argv)
{
    return argc == 2 ? with_session(ctl, argv[1], remove_user) : CTL_USAGE;
}

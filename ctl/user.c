#include <stdio.h>
#include <string.h>
#include "base/shown.h"
#include "ctl/user.h"
#include "driver/driver.h"
#include "driver/user_json.h"
#include "service/users.h"

#define CALL_MS 30000
#define LIST_MS 3600000

int user_session(const struct ctl *ctl, const char *arg,
                 enum status (*work)(struct user_session *s, const char *arg))
{
    struct user_session s = {.err = ERR_NONE, .input = ctl->input};
    int rc = CTL_DONE;

    if (stores_open(ctl->conf, &s.call.stores, &s.err) != ST_OK)
        return ctl_complain(&s.err);
    s.call.arena = arena_new(64 * 1024);
    s.call.err = &s.err;
    if (work(&s, arg) != ST_OK)
        rc = ctl_complain(&s.err);
    else if (s.refused)
        rc = CTL_FAILED;
    if (fflush(stdout) != 0)
        rc = CTL_FAILED;
    arena_free(&s.call.arena);
    stores_close(&s.call.stores);
    return rc;
}

static enum status list_user(void *ctx, const struct user *u)
{
    (void)ctx;
    printf("%-40s %-32s %-10s %s\n", shown_of(u->user_id).z,
           shown_of(u->email).z, shown_of(u->role).z, shown_of(u->name).z);
    return ST_OK;
}

static enum status list_users(struct user_session *s, const char *unused)
{
    (void)unused;
    return records_users(s->call.stores->records, deadline_in(LIST_MS),
                         list_user, NULL, &s->err);
}

static enum status not_known(struct user_session *s, const char *id)
{
    return err_set(&s->err, ST_NOT_FOUND, NULL, "no user %s", id);
}

/* By id, or by e-mail when there is no such id. */
static enum status find_user(struct user_session *s, const char *id,
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

/* Which there are, and never what they hold: some are secrets. */
static enum status say_foreign(struct user_session *s, const struct user *u)
{
    struct json_iter it;
    struct json key, v;
    struct str others = STR_NONE;
    const char *comma = "";
    enum status st = records_user_foreign(s->call.stores->records, u->user_id,
                                          deadline_in(CALL_MS), s->call.arena,
                                          &others, &s->err);

    if (st != ST_OK)
        return st;
    it = json_iter(json_of(others));
    while (json_next(&it, &key, &v)) {
        fprintf(stderr, "%s%s",
                *comma ? comma : "kept for others: ", shown_of(key.raw).z);
        comma = ", ";
    }
    if (*comma)
        fputc('\n', stderr);
    return ST_OK;
}

static enum status show_user(struct user_session *s, const char *id)
{
    struct user u;
    enum status st = find_user(s, id, &u);

    if (st != ST_OK)
        return st;
    printf("%.*s\n", STR_ARG(user_print(&u, s->call.arena)));
    return say_foreign(s, &u);
}

static enum status remove_user(struct user_session *s, const char *id)
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

int ctl_user_list(const struct ctl *ctl, int argc, char **argv)
{
    (void)argv;
    return argc == 1 ? user_session(ctl, NULL, list_users) : CTL_USAGE;
}

int ctl_user_show(const struct ctl *ctl, int argc, char **argv)
{
    return argc == 2 ? user_session(ctl, argv[1], show_user) : CTL_USAGE;
}

int ctl_user_remove(const struct ctl *ctl, int argc, char **argv)
{
    return argc == 2 ? user_session(ctl, argv[1], remove_user) : CTL_USAGE;
}

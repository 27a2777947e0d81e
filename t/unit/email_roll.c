/* The roll of e-mails: what one process reads, all find; and what is spoilt,
 * strange or half written is no roll. */
#include "store/email_roll.h"

#include <fcntl.h>
#include <sys/stat.h>
#include "t/unit/procs.h"
#include "t/unit/tap.h"

#define USERS 5000

static struct arena *arena;
static struct err err;
static const char *folder;
static struct email_roll *roll;

static struct str email_of(int i)
{
    return arena_printf(arena, "driver%d@example.com", i);
}

static struct str id_of(int i)
{
    return arena_printf(arena, "id-%d", i);
}

static const char *path(void)
{
    return arena_printf(arena, "%s/emails", folder).p;
}

/* Who it says has that e-mail; -1: there is no roll. */
static struct email_ids found;
static int64_t read_us;
static int find(struct email_roll *r, struct str email)
{
    return email_roll_find(r, email, arena, &found, &read_us) ? (int)found.n
                                                              : -1;
}

static bool finds(struct email_roll *r, struct str email, struct str id)
{
    return find(r, email) == 1 && str_eq(found.id[0], id);
}

static void publish(struct roll_draft *d, bool warned)
{
    CHECK(email_roll_publish(roll, d, warned, &err) == ST_OK);
    roll_draft_free(&d);
}

static void made_and_found(void)
{
    struct roll_draft *d = roll_draft_new();
    int wrong = 0;

    CHECK(find(roll, email_of(1)) == -1);
    CHECK(email_roll_add(roll, email_of(1), id_of(1), &err) == ST_OK);
    CHECK(find(roll, email_of(1)) == -1); /* there is none to add to */
    for (int i = 0; i < USERS; i++)
        wrong += roll_draft_add(d, email_of(i), id_of(i), &err) != ST_OK;
    wrong += roll_draft_add(d, email_of(7), STR_LIT("twin"), &err) != ST_OK;
    CHECK(wrong == 0 && roll_draft_users(d) == USERS + 1);
    publish(d, false);
    for (int i = 0; i < USERS; i++)
        wrong += i != 7 && !finds(roll, email_of(i), id_of(i));
    CHECK(wrong == 0);
    CHECK(clock_wall_us() - read_us < 60000000 && read_us <= clock_wall_us());
    CHECK(find(roll, email_of(7)) == 2 && str_is(found.id[0], "id-7") &&
          str_is(found.id[1], "twin"));
    CHECK(find(roll, STR_LIT("nobody@example.com")) == 0);
}

static void seen_by_others(void)
{
    struct email_roll *other = email_roll_new(folder, STR_LIT("these"));
    struct email_roll *strange = email_roll_new(folder, STR_LIT("those"));
    struct roll_draft *d = roll_draft_new();

    CHECK(finds(other, email_of(3), id_of(3)));
    CHECK(find(strange, email_of(3)) == -1);
    CHECK(email_roll_add(strange, email_of(3), id_of(4), &err) == ST_OK);
    CHECK(finds(other, email_of(3), id_of(3)));
    CHECK(email_roll_add(roll, STR_LIT("new@b.c"), id_of(1), &err) == ST_OK);
    CHECK(email_roll_add(roll, STR_LIT("more@b.c"), id_of(2), &err) == ST_OK);
    CHECK(finds(other, STR_LIT("new@b.c"), id_of(1)) &&
          finds(other, STR_LIT("more@b.c"), id_of(2)) &&
          finds(other, email_of(3), id_of(3)));
    CHECK(roll_draft_add(d, STR_LIT("new@b.c"), id_of(9), &err) == ST_OK);
    publish(d, false); /* what was added belongs to the one before */
    CHECK(finds(other, STR_LIT("new@b.c"), id_of(9)) &&
          find(other, STR_LIT("more@b.c")) == 0 &&
          find(other, email_of(3)) == 0);
    email_roll_free(&other);
    email_roll_free(&strange);
}

/* Until another reading is cheaper than a long list without order. */
static void added_without_end(void)
{
    char long_id[2001] = {0};
    int n = 0, failed = 0;

    memset(long_id, 'x', sizeof long_id - 1);
    for (; n < 1000 && find(roll, email_of(n)) != -1; n++)
        failed +=
            email_roll_add(roll, email_of(n), str_of(long_id), &err) != ST_OK;
    CHECK(failed == 0 && n > 400 && n < 1000);
}

static void warned_once(void)
{
    struct email_roll *other = email_roll_new(folder, STR_LIT("these"));

    CHECK(email_roll_due_warning(roll));
    publish(roll_draft_new(), true);
    CHECK(find(other, email_of(1)) == 0 && !email_roll_due_warning(other));
    publish(roll_draft_new(), false);
    CHECK(find(roll, email_of(1)) == 0 && !email_roll_due_warning(roll));
    email_roll_free(&other);
}

static void spoil(long at, const char *bytes, size_t n)
{
    int fd = open(path(), O_WRONLY | O_CLOEXEC);

    if (fd < 0 || pwrite(fd, bytes, n, at) != (ssize_t)n || close(fd))
        abort();
}

/* None of them may be read beyond its end. */
static void spoilt(void)
{
    static const char many[8] = {-1, -1, -1, -1, -1, -1, -1, 127};
    struct roll_draft *d = roll_draft_new();
    struct stat sb;

    CHECK(roll_draft_add(d, email_of(1), id_of(1), &err) == ST_OK);
    publish(d, true);
    if (stat(path(), &sb))
        abort();
    spoil(sb.st_size - 4 - 8, many, 8); /* where the id lies */
    CHECK(find(roll, email_of(1)) == 0);
    spoil(sb.st_size, many, 8); /* half of what was being added */
    CHECK(find(roll, email_of(1)) == 0);
    spoil(sb.st_size + 8, many, 8); /* with a length that cannot be */
    spoil(sb.st_size + 16, many, 8);
    CHECK(find(roll, email_of(1)) == 0);
    spoil(32, many, 8); /* so many users */
    CHECK(find(roll, email_of(1)) == -1);
    for (long size = 0; size < 50; size += 7) {
        if (truncate(path(), size))
            abort();
        CHECK(find(roll, email_of(1)) == -1);
    }
}

static void one_at_a_time(void)
{
    struct email_roll *other = email_roll_new(folder, STR_LIT("these"));
    struct email_roll *nowhere = email_roll_new("/nonexistent/x", STR_NONE);
    struct roll_draft *d = roll_draft_new();
    int one, two;

    CHECK(email_roll_lock(roll, deadline_in(5000), &one, &err) == ST_OK);
    CHECK(email_roll_lock(other, deadline_in(100), &two, &err) == ST_TIMEOUT &&
          two == -1);
    email_roll_unlock(&one);
    err_clear(&err);
    CHECK(email_roll_lock(other, deadline_in(5000), &two, &err) == ST_OK);
    email_roll_unlock(&two);
    CHECK(email_roll_lock(nowhere, deadline_in(100), &two, &err) ==
          ST_UNAVAILABLE);
    err_clear(&err);
    CHECK(email_roll_publish(nowhere, d, true, &err) == ST_UNAVAILABLE);
    CHECK(find(nowhere, email_of(1)) == -1);
    roll_draft_free(&d);
    email_roll_free(&other);
    email_roll_free(&nowhere);
}

static void bounded(void)
{
    struct roll_draft *d = roll_draft_new();
    char id[2001] = {0};
    int n = 0;

    memset(id, 'x', sizeof id - 1);
    err_clear(&err);
    while (n < 100000 &&
           roll_draft_add(d, STR_LIT("a@b"), str_of(id), &err) == ST_OK)
        n++;
    CHECK(n == (int)(EMAIL_ROLL_BYTES / 2000) && err.st == ST_UNAVAILABLE &&
          !strcmp(err.code, "too_many_users"));
    roll_draft_free(&d);
}

int main(void)
{
    arena = arena_new(0);
    folder = temp_folder();
    roll = email_roll_new(folder, STR_LIT("these"));
    made_and_found();
    seen_by_others();
    added_without_end();
    warned_once();
    spoilt();
    one_at_a_time();
    bounded();
    email_roll_free(&roll);
    temp_remove(folder);
    arena_free(&arena);
    return tap_end();
}

#include "driver/driver_look.h"

#include "base/beside.h"

/* The driver's record, while the objects are looked at. */
struct asking {
    struct call call;
    struct user user;
    enum status st;
    struct err err;
};

static void *ask_record(void *ctx)
{
    struct asking *k = ctx;
    const struct call *c = &k->call;

    k->st = records_user(c->stores->records, c->user_id, c->deadline, c->arena,
                         &k->user, c->err);
    return NULL;
}

enum status driver_look(const struct call *c, struct str email, struct user *u,
                        struct roster_look **look)
{
    struct err unseen = ERR_NONE;
    struct call looking = call_with(c, c->arena, &unseen);
    struct asking k = {.err = ERR_NONE};
    struct beside beside;
    enum status st;

    /* An arena is one thread's: the record's dies with the request's. */
    k.call = call_with(c, arena_within(c->arena, 0), &k.err);
    beside_start(&beside, ask_record, &k);
    st = roster_look(&looking, look);
    beside_wait(&beside);
    *u = k.st == ST_OK ? k.user : (struct user){.user_id = STR_NONE};
    /* Before any failure of the objects: a stranger gets 404 also while they
     * cannot be read, and learns nothing of them. */
    if (k.st == ST_NOT_FOUND ||
        (k.st == ST_OK && email.n && !str_eq(u->email, email)))
        return ST_NOT_FOUND;
    if (k.st != ST_OK || st != ST_OK)
        *c->err = k.st != ST_OK ? k.err : unseen;
    return k.st != ST_OK ? k.st : st;
}

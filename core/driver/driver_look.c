#include "driver/driver_look.h"

#include "base/beside.h"

/* The driver's record, while the objects are looked at. */
struct asking {
    struct stores *s;
    struct str user_id;
    struct deadline d;
    struct arena *arena;
    struct user user;
    enum status st;
    struct err err;
};

static void *ask(void *ctx)
{
    struct asking *k = ctx;

    k->st = records_user(k->s->records, k->user_id, k->d, k->arena, &k->user,
                         &k->err);
    return NULL;
}

enum status driver_look(struct stores *s, const struct call *c,
                        struct str user_id, struct str email, struct user *u,
                        struct roster_look **look, struct err *err)
{
    struct asking k = {.s = s,
                       .user_id = user_id,
                       .d = c->deadline,
                       .arena = arena_within(c->arena, 0),
                       .err = ERR_NONE};
    struct err unseen = ERR_NONE;
    struct beside beside;
    enum status st;

    beside_start(&beside, ask, &k);
    st = roster_look(s, user_id, c->deadline, c->arena, look, &unseen);
    beside_wait(&beside);
    *u = k.user;
    if (k.st == ST_NOT_FOUND ||
        (k.st == ST_OK && email.n && !str_eq(u->email, email)))
        return ST_NOT_FOUND;
    if (k.st != ST_OK || st != ST_OK)
        *err = k.st != ST_OK ? k.err : unseen;
    return k.st != ST_OK ? k.st : st;
}

/*
 * objects_s3_rights.c - the rights in a bucket, tried one by one.
 *
 * Below a user's folder whose name no user can have, so that nobody's object is
 * met. What would write or remove does so under an ETag that nothing has, and
 * only where a wrong one was seen to be refused; else the PUT of the check says
 * what can be said.
 */
#include "store/objects_s3.h"

#include "store/keys.h"
#include "store/s3_put.h"

#define NOBODYS STR_LIT("users/.probe/right.json.gz")
#define NO_ETAG "00000000000000000000000000000000"

struct s3_trying {
    struct objects_s3 *s;
    struct tried *tried;
    struct deadline d;
};

static void try_call(struct s3_trying *t, enum right r, const char *method,
                     struct str key, struct aws_reply *reply)
{
    const struct sigv4_pair match = {STR_LIT("if-match"), STR_LIT(NO_ETAG)};
    bool reads = strcmp(method, "GET") == 0;
    struct s3_ask ask = {.method = method,
                         .key = key,
                         .header = &match,
                         .headers = !reads,
                         .max = S3_XML_MAX,
                         .own = reads ? s3_own_version : s3_own_removal};
    struct err err = ERR_NONE;
    enum status st = s3_call(&t->s->s3, &ask, t->d, t->s->arena, reply, &err);

    tried_end(&t->tried[r], st, &err);
}

static enum status ignore_folder(void *ctx, const struct object_entry *e)
{
    (void)ctx;
    (void)e;
    return ST_GONE_CLIENT; /* one is enough */
}

static void try_list(struct s3_trying *t)
{
    struct s3_listing what = {STR_LIT("users/"), true, STR_NONE};
    struct err err = ERR_NONE;
    int pages;
    enum status st =
        s3_list(&t->s->s3, &what, t->d, ignore_folder, NULL, &pages, &err);

    tried_end(&t->tried[RIGHT_LIST], st == ST_GONE_CLIENT ? ST_OK : st, &err);
}

/* Without the right to list, a key that is not there is refused, too. */
static void try_get(struct s3_trying *t, enum right r, struct str key,
                    struct aws_reply *reply)
{
    try_call(t, r, "GET", key, reply);
    if (t->tried[r].found == FOUND_REFUSED &&
        t->tried[RIGHT_LIST].found == FOUND_REFUSED)
        t->tried[r].found = FOUND_UNTOLD;
}

/* Under the wrong ETag; a 404 is its refusal, too. */
static void try_put(struct s3_trying *t, enum right r, struct str key,
                    struct str body)
{
    const struct etag none = {NO_ETAG};
    const struct object_meta meta = {STR_LIT("probe"), STR_LIT("probe"),
                                     STR_LIT("0")};
    const struct s3_put p = {.key = key,
                             .body = body,
                             .meta = &meta,
                             .cond = COND_MATCH,
                             .match = &none,
                             .d = t->d};
    struct aws_reply reply;
    struct etag etag;
    struct err err = ERR_NONE;
    enum status st = s3_put(&t->s->s3, &p, t->s->arena, &reply, &etag, &err);

    tried_end(&t->tried[r], st, &err);
}

/* On the object that anybody may write over. Once found, it stays. */
static bool refuses_wrong_etag(struct s3_trying *t)
{
    struct objects_s3 *s = t->s;
    struct err err = ERR_NONE;
    bool refused = false;

    if (s->match == TRAIT_UNKNOWN && !s->match_refuses &&
        s3_refuses(&s->s3, t->d, s->arena, &refused, &err) == ST_OK)
        s->match_refuses = refused;
    return s->match != TRAIT_MISSING && s->match_refuses;
}

/* What is there is put again, should the condition be passed over after all. */
static void try_agreed(struct s3_trying *t, bool conditions)
{
    struct aws_reply reply;

    try_get(t, RIGHT_AGREED_GET, key_installation(), &reply);
    if (conditions && reply.code == 200)
        try_put(t, RIGHT_AGREED_PUT, key_installation(), reply.body);
}

void objects_s3_rights(struct objects *base, struct deadline d,
                       struct tried tried[RIGHTS])
{
    struct s3_trying t = {(struct objects_s3 *)base, tried, d};
    struct aws_reply reply;
    struct err err = ERR_NONE;
    bool conditions;

    if (tried[RIGHT_LIST].found == FOUND_UNTRIED)
        try_list(&t);
    try_get(&t, RIGHT_GET, NOBODYS, &reply);
    if (tried[RIGHT_PUT].found == FOUND_UNTRIED)
        tried_end(&tried[RIGHT_PUT],
                  s3_accepts(&t.s->s3, true, d, t.s->arena, &err), &err);
    conditions =
        tried[RIGHT_PUT].found == FOUND_THERE && refuses_wrong_etag(&t);
    if (conditions)
        try_put(&t, RIGHT_PUT, NOBODYS, STR_LIT("{}"));
    try_call(&t, RIGHT_DELETE, "DELETE", NOBODYS, &reply);
    try_agreed(&t, conditions);
    arena_reset(t.s->arena);
}

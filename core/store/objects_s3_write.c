/* objects_s3_write.c - objects put into a bucket, and removed. */
#include "store/objects_s3.h"

#include "base/digest.h"
#include "base/log.h"
#include "base/once.h"
#include "base/random.h"
#include "store/s3_put.h"

/* ---- put ---- */

static enum status put_once(struct objects_s3 *s, const struct s3_put *p,
                            enum object_condition cond, struct aws_reply *reply,
                            struct etag *out, struct err *err)
{
    struct s3_put now = *p;

    now.cond = cond;
    return s3_put(&s->s3, &now, s->arena, reply, out, err);
}

/* The condition by hand: the server does not keep it. */
static enum status put_after_look(struct objects_s3 *s, const struct s3_put *p,
                                  struct etag *out, struct err *err)
{
    struct etag now = {""};
    enum status st = s3_head(&s->s3, p->key, p->d, s->arena, &now, err);
    struct aws_reply reply;

    if (st != ST_OK && st != ST_NOT_FOUND)
        return st;
    if (p->cond == COND_ABSENT ? st == ST_OK : strcmp(now.z, p->match->z) != 0)
        return err_set(err, ST_PRECONDITION, NULL,
                       "%.*s: another version is there", STR_ARG(p->key));
    return put_once(s, p, COND_NONE, &reply, out, err);
}

/* Each process finds it out; one of them says so. */
static void warn_without(const struct objects_s3 *s, const char *what)
{
    if (once_first(arena_printf(s->arena, "%s: %s", s->s3.bucket, what)))
        log_line(LOG_WARN, "s3_without_conditions", "bucket=%s text=\"%s\"",
                 s->s3.bucket, what);
}

static void warn_missing(const struct objects_s3 *s, const char *what)
{
    warn_without(
        s, arena_printf(s->arena,
                        "this server does not keep %s; writers that meet may "
                        "lose a change until the next read repairs it",
                        what)
               .p);
}

/* Kept for one writer is not kept for several that meet. AWS's own is known to
 * be, and is paid for each PUT. */
static void try_race(struct objects_s3 *s, struct deadline d)
{
    struct err err = ERR_NONE;
    int winners = 0;

    if (!s->s3.foreign ||
        s3_race(&s->s3, d, s->arena, &winners, &err) != ST_OK || winners < 2)
        return;
    s->absent = s->match = TRAIT_MISSING;
    warn_without(s, "this server keeps If-None-Match for one writer, and lets "
                    "several pass that meet; they may lose a change until the "
                    "next read repairs it");
}

/* The first PUT with If-None-Match that passed, again: it must not pass. */
static void try_absent(struct objects_s3 *s, const struct s3_put *p)
{
    struct err err = ERR_NONE;
    struct etag etag;
    struct aws_reply reply;
    enum status st = put_once(s, p, COND_ABSENT, &reply, &etag, &err);

    if (st == ST_PRECONDITION) {
        s->absent = TRAIT_KEPT;
        try_race(s, p->d);
    }
    if (st != ST_OK)
        return;
    s->absent = TRAIT_MISSING;
    warn_missing(s, "If-None-Match");
}

/* A wrong ETag must be refused, before a right one is believed to be looked at.
 * When that cannot be found out now, the next PUT tries. */
static void try_match(struct objects_s3 *s, struct deadline d)
{
    struct err err = ERR_NONE;
    bool refused = false;
    enum status st = s3_refuses(&s->s3, d, s->arena, &refused, &err);

    if (st != ST_OK)
        return;
    s->match_refuses = refused;
    if (refused)
        return;
    s->match = TRAIT_MISSING;
    warn_missing(s, "If-Match");
}

#define REFUSALS 4
#define REFUSAL_PAUSE_MS 40

/*
 * Refused although HEAD shows the very ETag that was asked for. Once is no
 * proof: of two writers that meet, one may be refused before the other's
 * version can be seen. So it is tried again, with pauses that such a moment
 * does not outlast.
 */
static enum status put_insisting(struct objects_s3 *s, const struct s3_put *p,
                                 struct etag *out, struct err *err)
{
    struct err none = ERR_NONE;
    struct etag now;

    for (int i = 1; i < REFUSALS; i++) {
        struct aws_reply reply;
        enum status st;

        clock_sleep_ms(i * REFUSAL_PAUSE_MS);
        st = put_once(s, p, COND_MATCH, &reply, out, err);
        if (st == ST_OK && s->match_refuses)
            s->match = TRAIT_KEPT;
        if (st != ST_PRECONDITION ||
            s3_head(&s->s3, p->key, p->d, s->arena, &now, &none) != ST_OK ||
            strcmp(now.z, p->match->z) != 0)
            return st;
    }
    s->match = TRAIT_MISSING;
    warn_missing(s, "If-Match");
    return put_after_look(s, p, out, err);
}

/*
 * 412. It may be the echo of our own success, when an earlier try was carried
 * out and its answer lost; or the server never lets If-Match pass.
 */
static enum status put_refused(struct objects_s3 *s, const struct s3_put *p,
                               bool unsure, struct etag *out, struct err *err)
{
    unsigned char md[MD5_SIZE];
    char own[2 * MD5_SIZE + 1];
    struct err none = ERR_NONE;
    struct etag now;

    if (!unsure && (p->cond == COND_ABSENT || s->match == TRAIT_KEPT))
        return ST_PRECONDITION;
    if (s3_head(&s->s3, p->key, p->d, s->arena, &now, &none) != ST_OK)
        return ST_PRECONDITION;
    digest_md5(p->body, md);
    digest_hex(md, MD5_SIZE, own);
    if (unsure && strcmp(now.z, own) == 0) {
        *out = now;
        return ST_OK;
    }
    if (p->cond == COND_MATCH && strcmp(now.z, p->match->z) == 0)
        return put_insisting(s, p, out, err);
    return ST_PRECONDITION;
}

static enum status put_by(struct objects_s3 *s, const struct s3_put *p,
                          enum s3_trait *trait, struct etag *out,
                          struct err *err)
{
    struct aws_reply reply;
    enum status st;

    if (p->cond == COND_MATCH && *trait == TRAIT_UNKNOWN && !s->match_refuses)
        try_match(s, p->d);
    if (*trait == TRAIT_MISSING)
        return put_after_look(s, p, out, err);
    st = put_once(s, p, p->cond, &reply, out, err);
    if (reply.code == 501 && p->cond != COND_NONE) { /* not an outage */
        *trait = TRAIT_MISSING;
        warn_missing(s, p->cond == COND_MATCH ? "If-Match" : "If-None-Match");
        return put_after_look(s, p, out, err);
    }
    if (st == ST_PRECONDITION)
        return put_refused(s, p, reply.unsure, out, err);
    if (st == ST_OK && p->cond == COND_MATCH && s->match_refuses)
        s->match = TRAIT_KEPT;
    if (st == ST_OK && p->cond == COND_ABSENT && s->absent == TRAIT_UNKNOWN)
        try_absent(s, p);
    return st;
}

enum status objects_s3_put(struct objects *base, struct str key,
                           struct str body, const struct object_meta *meta,
                           bool derived, enum object_condition cond,
                           const struct etag *match, struct deadline d,
                           struct etag *out, struct err *err)
{
    struct objects_s3 *s = (struct objects_s3 *)base;
    struct s3_put p = {key, body, meta, cond, match, d};
    enum s3_trait always = TRAIT_KEPT;
    enum s3_trait *trait = cond == COND_ABSENT  ? &s->absent
                           : cond == COND_MATCH ? &s->match
                                                : &always;
    enum status st = put_by(s, &p, trait, out, err);

    (void)derived;
    arena_reset(s->arena);
    return st;
}

/* ---- remove ---- */

static enum status delete_once(struct objects_s3 *s, struct str key,
                               const char *match, struct deadline d,
                               struct aws_reply *reply, struct err *err)
{
    struct sigv4_pair header = {STR_LIT("if-match"), str_of(match)};
    struct s3_ask ask = {.method = "DELETE",
                         .key = key,
                         .header = &header,
                         .headers = match != NULL,
                         .max = S3_XML_MAX,
                         .own = s3_own_removal};
    enum status st = s3_call(&s->s3, &ask, d, s->arena, reply, err);

    return st == ST_NOT_FOUND ? ST_OK : st;
}

/* Whether a wrong ETag keeps an object of our own from being removed. */
static enum status try_remove(struct objects_s3 *s, struct deadline d,
                              struct err *err)
{
    char hex[RANDOM_HEX + 1];
    struct aws_reply reply;
    struct etag etag;
    enum status st;
    struct s3_put p = {.body = STR_LIT("probe"), .d = d};

    random_hex(hex);
    p.key = arena_printf(s->arena, "probe/%s", hex);
    st = put_once(s, &p, COND_NONE, &reply, &etag, err);
    if (st != ST_OK)
        return st;
    st = delete_once(s, p.key, "00000000000000000000000000000000", d, &reply,
                     err);
    if (st == ST_PRECONDITION) {
        s->remove = TRAIT_KEPT;
        return delete_once(s, p.key, NULL, d, &reply, err);
    }
    if (st == ST_OK || reply.code == 501) {
        s->remove = TRAIT_MISSING;
        warn_without(s, "this server does not keep If-Match on DELETE; old "
                        "objects stay until reconcile removes them");
        return delete_once(s, p.key, NULL, d, &reply, err);
    }
    return st;
}

/* Not deleted under its condition: what does that mean for the caller? */
static enum status judge_by_look(struct objects_s3 *s, struct str key,
                                 const struct etag *match, struct deadline d,
                                 struct err *err)
{
    struct etag now;
    enum status st = s3_head(&s->s3, key, d, s->arena, &now, err);

    if (st == ST_NOT_FOUND)
        return ST_OK;
    if (st != ST_OK)
        return st;
    if (strcmp(now.z, match->z) != 0)
        return err_set(err, ST_PRECONDITION, NULL,
                       "%.*s: another version is there", STR_ARG(key));
    return err_set(err, ST_BUSY, NULL,
                   "%.*s: this server cannot delete on a condition",
                   STR_ARG(key));
}

static enum status remove_match(struct objects_s3 *s, struct str key,
                                const struct etag *match, struct deadline d,
                                struct err *err)
{
    struct aws_reply reply;
    enum status st;

    if (s->remove == TRAIT_UNKNOWN && (st = try_remove(s, d, err)) != ST_OK)
        return st;
    if (s->remove == TRAIT_MISSING)
        return judge_by_look(s, key, match, d, err);
    st = delete_once(s, key, match->z, d, &reply, err);
    return st == ST_PRECONDITION ? judge_by_look(s, key, match, d, err) : st;
}

enum status objects_s3_remove(struct objects *base, struct str key,
                              const struct etag *match, struct deadline d,
                              struct err *err)
{
    struct objects_s3 *s = (struct objects_s3 *)base;
    struct aws_reply reply;
    enum status st = match ? remove_match(s, key, match, d, err)
                           : delete_once(s, key, NULL, d, &reply, err);

    arena_reset(s->arena);
    return st;
}

/*
 * bucket.c - driveguardctl bucket init: what the store's bucket should be.
 *
 *   made, if it is not there
 *   what --without names is taken back
 *   an object is put, read and removed: else the run ends, nothing changed
 *   each setting that is not there: set, and an object put again;
 *       refused: the setting is taken back, and an object put once more
 *
 * So a run that ends well leaves a bucket that takes objects, whatever the
 * server makes of a setting; and a failure that was there before is never
 * taken for the work of one.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "ctl/ctl.h"
#include "store/s3_admin.h"
#include "store/s3_put.h"
#include "store/s3_settings.h"

#define STEP_MS 30000
#define SETTINGS_MAX 8

struct init {
    const struct conf *conf;
    struct s3 s3;
    struct arena *arena;
    bool without[SETTINGS_MAX]; /* by place in s3_settings */
};

static enum status bucket_open(const struct conf *c, struct s3 *out,
                               struct err *err)
{
    const struct str scheme = STR_LIT("s3://");
    struct str url = str_of(c->objects_url);

    if (!str_starts(url, scheme))
        return err_set(err, ST_BAD_REQUEST, NULL,
                       "objects.url = %s: not a bucket", c->objects_url);
    return s3_open(out, c, (struct str){url.p + scheme.n, url.n - scheme.n},
                   err);
}

static void init_say(const struct init *in, const char *name, const char *what,
                     const char *why)
{
    printf("%s: %s: %s%s%s\n", in->s3.bucket, name, what, *why ? ": " : "",
           why);
    fflush(stdout); /* before what goes to standard error */
}

static enum status init_prove(const struct init *in, struct err *err)
{
    return s3_prove(&in->s3, deadline_in(STEP_MS), in->arena, err);
}

/* ---- one setting ---- */

/*
    A server that is not AWS's may lack a setting: it says so, or refuses what
    it does not understand.
 */
static bool init_lacks(const struct init *in, enum status st)
{
    return in->conf->s3_endpoint[0] && st == ST_NO_METHOD;
}

/* With it no object can be written: why. */
static enum status setting_spoils(const struct init *in,
                                  const struct s3_setting *x,
                                  const struct s3_document *before,
                                  const struct err *why, struct err *err)
{
    struct err now = ERR_NONE;

    if (s3_setting_take_back(&in->s3, x, before, deadline_in(STEP_MS),
                             in->arena, &now) != ST_OK)
        return err_set(err, why->st, NULL,
                       "%s: set, but with it no object can be written: %.200s; "
                       "and it could not be taken back: %.200s",
                       x->name, why->text, now.text);
    if (init_prove(in, &now) != ST_OK)
        return err_set(
            err, now.st, NULL,
            "%s: %s, for with it no object could be written: %.180s; "
            "but still none can be: %.180s",
            x->name, x->taken_back, why->text, now.text);
    init_say(in, x->name, x->taken_back,
             arena_printf(in->arena, "with it this server takes no object: %s",
                          why->text)
                 .p);
    return ST_OK;
}

static enum status setting_prove(const struct init *in,
                                 const struct s3_setting *x,
                                 const struct s3_document *before,
                                 struct err *err)
{
    struct s3_document now;
    struct err why = ERR_NONE;
    enum status st;

    if (init_prove(in, &why) != ST_OK)
        return setting_spoils(in, x, before, &why, err);
    st =
        s3_setting_read(&in->s3, x, deadline_in(STEP_MS), in->arena, &now, err);
    if (st != ST_OK)
        return st;
    if (now.is_set)
        init_say(in, x->name, "set", "");
    else if (in->conf->s3_endpoint[0])
        init_say(in, x->name, "not set", "this server does nothing about it");
    else
        return err_set(err, ST_UNAVAILABLE, NULL,
                       "%s: set, but not seen yet; try again", x->name);
    return ST_OK;
}

static enum status setting_apply(const struct init *in,
                                 const struct s3_setting *x, struct err *err)
{
    struct deadline d = deadline_in(STEP_MS);
    struct s3_document before;
    enum status st = s3_setting_read(&in->s3, x, d, in->arena, &before, err);

    if (st == ST_OK && before.is_set) {
        init_say(in, x->name, "is so already", "");
        return ST_OK;
    }
    if (st == ST_OK)
        st = s3_setting_set(&in->s3, x, &before, d, in->arena, err);
    if (init_lacks(in, st)) {
        init_say(in, x->name, "not set", err->text);
        return ST_OK;
    }
    return st == ST_OK ? setting_prove(in, x, &before, err) : st;
}

/* Asked for by --without, whether objects can be written or not. */
static enum status setting_leave_out(const struct init *in,
                                     const struct s3_setting *x,
                                     struct err *err)
{
    struct deadline d = deadline_in(STEP_MS);
    struct s3_document now;
    enum status st = s3_setting_read(&in->s3, x, d, in->arena, &now, err);

    if (init_lacks(in, st) || (st == ST_OK && !now.is_set)) {
        init_say(in, x->name, "left out", "");
        return ST_OK;
    }
    if (st == ST_OK)
        st = s3_setting_take_back(&in->s3, x, NULL, d, in->arena, err);
    if (st == ST_OK)
        st = s3_setting_read(&in->s3, x, d, in->arena, &now, err);
    if (st == ST_OK)
        init_say(in, x->name, now.is_set ? "stays" : x->taken_back,
                 now.is_set ? "this server sets it by itself" : "");
    return st;
}

/* ---- the bucket ---- */

static enum status bucket_make(const struct init *in, struct err *err)
{
    struct deadline d = deadline_in(STEP_MS);
    bool there;
    enum status st = s3_bucket_there(&in->s3, d, in->arena, &there, err);

    if (st == ST_OK && !there)
        st = s3_bucket_make(&in->s3, d, in->arena, err);
    if (st == ST_OK)
        init_say(in, "bucket", there ? "is so already" : "set", "");
    return st;
}

/*
    No object can be written before anything is set. An earlier run may have
    set what is to blame, but so may a missing right; who knows is asked, for
    taking away a block of public access on a guess would be worse.
 */
static enum status bucket_no_use(const struct init *in, struct err *err)
{
    const struct err why = *err;
    struct buf b;

    buf_init(&b, ERR_TEXT_MAX);
    for (size_t i = 0; i < s3_settings_count; i++) {
        struct s3_document now;
        struct err none = ERR_NONE;

        if (s3_setting_read(&in->s3, &s3_settings[i], deadline_in(STEP_MS),
                            in->arena, &now, &none) == ST_OK &&
            now.is_set)
            buf_printf(&b, "%s%s", b.n ? ", " : "", s3_settings[i].name);
    }
    err_set(err, why.st, why.code,
            "no object can be written, so nothing is set: %.280s%s%.*s%s",
            why.text, b.n ? "; if the cause is a setting that is there (" : "",
            STR_ARG(buf_str(&b)),
            b.n ? "), take it back by bucket init --without NAME" : "");
    buf_free(&b);
    return why.st;
}

static enum status init_run(const struct init *in, struct err *err)
{
    enum status st = bucket_make(in, err);

    for (size_t i = 0; st == ST_OK && i < s3_settings_count; i++)
        if (in->without[i])
            st = setting_leave_out(in, &s3_settings[i], err);
    if (st == ST_OK && init_prove(in, err) != ST_OK)
        st = bucket_no_use(in, err);
    for (size_t i = 0; st == ST_OK && i < s3_settings_count; i++)
        if (!in->without[i])
            st = setting_apply(in, &s3_settings[i], err);
    return st == ST_OK ? ST_OK : err_add(err, "%s", in->s3.bucket);
}

/* --without NAME, any number of times. */
static bool init_options(struct init *in, int argc, char **argv)
{
    assert(s3_settings_count <= SETTINGS_MAX);
    for (int i = 1; i < argc; i += 2) {
        size_t k = 0;

        if (strcmp(argv[i], "--without") != 0 || i + 1 == argc)
            return false;
        while (k < s3_settings_count &&
               strcmp(s3_settings[k].name, argv[i + 1]) != 0)
            k++;
        if (k == s3_settings_count)
            return false;
        in->without[k] = true;
    }
    return true;
}

int ctl_bucket_init(const struct ctl *ctl, int argc, char **argv)
{
    struct init in = {.conf = ctl->conf};
    struct err err = ERR_NONE;
    enum status st;

    if (!init_options(&in, argc, argv))
        return CTL_USAGE;
    if (bucket_open(ctl->conf, &in.s3, &err) != ST_OK)
        return ctl_complain(&err);
    in.arena = arena_new(0);
    st = init_run(&in, &err);
    arena_free(&in.arena);
    s3_close(&in.s3);
    if (st != ST_OK)
        return ctl_complain(&err);
    return fflush(stdout) == 0 ? CTL_DONE : CTL_FAILED;
}

/* bucket.c - driveguardctl bucket init: what the store's bucket should be. */
#include <stdio.h>
#include "ctl/ctl.h"
#include "store/s3_admin.h"

#define STEP_MS 30000

static enum status open_bucket(const struct conf *c, struct s3 *out,
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

/*
    A server that is not AWS's may lack a setting: it says so, or refuses what
    it does not understand, or says yes and does nothing.
 */
static bool lacks(const struct conf *c, enum status st, bool is)
{
    return c->s3_endpoint[0] &&
           (st == ST_NO_METHOD || st == ST_INTERNAL || (st == ST_OK && !is));
}

static enum status apply(const struct conf *c, const struct s3 *s,
                         const struct s3_setting *x, struct arena *a,
                         struct err *err)
{
    struct deadline d = deadline_in(STEP_MS);
    const char *done = "is so already", *why = "";
    bool is = false;
    enum status st = x->is_set(s, d, a, &is, err);

    if (st == ST_OK && !is) {
        done = "set";
        st = x->set(s, d, a, err);
        if (st == ST_OK)
            st = x->is_set(s, d, a, &is, err);
    }
    if (lacks(c, st, is)) {
        done = "not set: ";
        why = st == ST_OK ? "this server does nothing about it" : err->text;
        st = ST_OK;
    } else if (st == ST_OK && !is) {
        st = err_set(err, ST_UNAVAILABLE, NULL,
                     "%s: %s: set, but not seen yet; try again", s->bucket,
                     x->name);
    }
    if (st == ST_OK)
        printf("%s: %s: %s%s\n", s->bucket, x->name, done, why);
    return st;
}

int ctl_bucket_init(const struct ctl *ctl, int argc, char **argv)
{
    struct err err = ERR_NONE;
    struct arena *a;
    struct s3 s;
    enum status st;

    (void)argv;
    if (argc != 1)
        return CTL_USAGE;
    if (open_bucket(ctl->conf, &s, &err) != ST_OK)
        return ctl_complain(&err);
    a = arena_new(0);
    st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < s3_settings_count; i++)
        st = apply(ctl->conf, &s, &s3_settings[i], a, &err);
    arena_free(&a);
    s3_close(&s);
    return st == ST_OK ? CTL_DONE : ctl_complain(&err);
}

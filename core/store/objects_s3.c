/* objects_s3.c - objects in a bucket: the store, and its drivers. */
#include "store/objects_s3.h"

#include <assert.h>
#include <stdlib.h>
#include "store/keys.h"
#include "store/s3_put.h"

#define ACCEPTED_MS 10000

static struct objects_s3 *s3_of(struct objects *base)
{
    return (struct objects_s3 *)base;
}

static void s3_objects_close(struct objects *base)
{
    struct objects_s3 *s = s3_of(base);

    s3_close(&s->s3);
    arena_free(&s->arena);
    free(s);
}

static enum status ignore_entry(void *ctx, const struct object_entry *e)
{
    (void)ctx;
    (void)e;
    return ST_GONE_CLIENT; /* one is enough */
}

/*
    A bucket may be listed and yet take no object. A PUT that its condition
    refuses says so and writes nothing; it is a call that costs, so a good
    answer stands for a while, whoever asks. What was refused before, or never
    tried, has to be written really.
 */
static enum status check_writing(struct objects_s3 *s, struct deadline d,
                                 struct err *err)
{
    int64_t now = clock_mono_ms();
    bool write = s->accepted_ms == 0;
    enum status st;

    if (!write && now - s->accepted_ms < ACCEPTED_MS)
        return ST_OK;
    st = s3_accepts(&s->s3, write, d, s->arena, err);
    s->accepted_ms = st == ST_OK ? now : 0;
    arena_reset(s->arena);
    return st;
}

static enum status s3_objects_check(struct objects *base, struct deadline d,
                                    struct err *err)
{
    struct objects_s3 *s = s3_of(base);
    struct s3_listing what = {STR_LIT("users/"), true, STR_NONE};
    int pages;
    enum status st = s3_list(&s->s3, &what, d, ignore_entry, NULL, &pages, err);

    return st == ST_OK || st == ST_GONE_CLIENT ? check_writing(s, d, err) : st;
}

/* ---- all drivers ---- */

struct drivers {
    enum status (*each)(void *ctx, struct str user_id);
    void *ctx;
};

static enum status one_driver(void *ctx, const struct object_entry *e)
{
    struct drivers *dr = ctx;
    struct str id = key_driver(e->key);

    return id.n ? dr->each(dr->ctx, id) : ST_OK;
}

static enum status s3_objects_drivers(struct objects *base, struct deadline d,
                                      enum status (*each)(void *ctx,
                                                          struct str user_id),
                                      void *ctx, struct err *err)
{
    struct s3_listing what = {STR_LIT("users/"), true, STR_NONE};
    struct drivers dr = {each, ctx};
    int pages;

    return s3_list(&s3_of(base)->s3, &what, d, one_driver, &dr, &pages, err);
}

/* Writers leave nothing here: a PUT is all or nothing. */
static enum status s3_objects_sweep(struct objects *base, struct deadline d,
                                    struct err *err)
{
    (void)base;
    (void)d;
    (void)err;
    return ST_OK;
}

static const struct objects_ops ops = {
    .close = s3_objects_close,
    .check = s3_objects_check,
    .rights = objects_s3_rights,
    .put = objects_s3_put,
    .get = objects_s3_get,
    .look = objects_s3_look,
    .remove = objects_s3_remove,
    .drivers = s3_objects_drivers,
    .sweep = s3_objects_sweep,
};

enum status objects_s3_open(const struct conf *c, struct str bucket,
                            struct objects **out, struct err *err)
{
    struct s3 s3;
    enum status st = s3_open(&s3, c, bucket, err);
    struct objects_s3 *s;

    if (st != ST_OK)
        return st;
    s = calloc(1, sizeof *s);
    assert(s);
    s->base.ops = &ops;
    s->s3 = s3;
    s->arena = arena_new(65536);
    *out = &s->base;
    return ST_OK;
}

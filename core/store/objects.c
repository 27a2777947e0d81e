#include "store/objects_impl.h"

#include <assert.h>
#include <string.h>
#include "base/digest.h"
#include "store/failure.h"
#include "store/keys.h"

enum status objects_open(const struct conf *c, struct objects **out,
                         struct err *err)
{
    const struct str file = STR_LIT("file://"), s3 = STR_LIT("s3://");
    struct str url = str_of(c->objects_url);

    *out = NULL;
    if (str_starts(url, file))
        return objects_dir_open((struct str){url.p + file.n, url.n - file.n},
                                out, err);
    if (str_starts(url, s3))
        return objects_s3_open(c, (struct str){url.p + s3.n, url.n - s3.n}, out,
                               err);
    return err_set(err, ST_BAD_REQUEST, NULL,
                   "objects.url = %.200s: not of the form file:///folder or "
                   "s3://bucket",
                   c->objects_url);
}

void objects_close(struct objects **s)
{
    if (*s)
        (*s)->ops->close(*s);
    *s = NULL;
}

uint64_t objects_mark(struct str installation_id)
{
    unsigned char md[MD5_SIZE];
    uint64_t mark;

    digest_md5(installation_id, md);
    memcpy(&mark, md, sizeof mark);
    return mark ? mark : 1;
}

void objects_belong(struct objects *s, const _Atomic uint64_t *mark)
{
    s->mark = mark;
}

enum status objects_check(struct objects *s, struct deadline d, struct err *err)
{
    return store_counted(s->ops->check(s, d, err));
}

void objects_rights(struct objects *s, struct deadline d,
                    struct tried tried[RIGHTS])
{
    if (s->ops->rights)
        s->ops->rights(s, d, tried);
}

/*
    A key that is not one of ours never becomes a path or a URL. Callers make
    keys from checked ids, so this is a defect, but one that a request's data
    may have triggered: it is refused rather than asserted.
 */
static enum status check_key(struct str key, struct err *err)
{
    struct str user_id, trip_id;
    int64_t number;

    if (key_parse_trip(key, &user_id, &trip_id, &number) ||
        key_is_summary(key) || key_parse_pack(key, &user_id, &number) ||
        key_is_installation(key))
        return ST_OK;
    return err_set(err, ST_INTERNAL, NULL, "not an object key: \"%.*s\"",
                   key.n > 200 ? 200 : (int)key.n, key.p ? key.p : "");
}

/*
    Nobody has a reason to remove what all hosts agreed on.
 */
static enum status check_removable(struct str key, struct err *err)
{
    if (!key_is_installation(key))
        return check_key(key, err);
    return err_set(err, ST_INTERNAL, NULL, "\"%.*s\" is not to be removed",
                   STR_ARG(key));
}

static enum status check_prefix(struct str prefix, struct err *err)
{
    if (key_driver(prefix).n)
        return ST_OK;
    return err_set(err, ST_INTERNAL, NULL, "not a driver's prefix: \"%.*s\"",
                   prefix.n > 200 ? 200 : (int)prefix.n,
                   prefix.p ? prefix.p : "");
}

enum status objects_put(struct objects *s, struct str key, struct str body,
                        const struct object_meta *meta,
                        enum object_condition cond, const struct etag *match,
                        struct deadline d, struct etag *out, struct err *err)
{
    enum status st = check_key(key, err);

    assert(cond != COND_MATCH || (match && match->z[0]));
    if (st == ST_OK)
        st = s->ops->put(s, key, body, meta, false, cond, match, d, out, err);
    return store_counted(st);
}

enum status objects_put_derived(struct objects *s, struct str key,
                                struct str body, enum object_condition cond,
                                const struct etag *match, struct deadline d,
                                struct etag *out, struct err *err)
{
    enum status st = check_key(key, err);

    assert(cond != COND_MATCH || (match && match->z[0]));
    if (st == ST_OK)
        st = s->ops->put(s, key, body, NULL, true, cond, match, d, out, err);
    return store_counted(st);
}

enum status objects_get(struct objects *s, struct str key,
                        const struct etag *match, size_t max, struct deadline d,
                        struct arena *a, struct object *out, struct err *err)
{
    enum status st = check_key(key, err);

    if (st == ST_OK)
        st = s->ops->get(s, key, match && match->z[0] ? match : NULL, max, d, a,
                         out, err);
    return store_counted(st);
}

enum status objects_look(struct objects *s, struct object_range *range,
                         size_t ranges, const struct object_want *want,
                         size_t wants, size_t max, struct deadline d,
                         objects_got got, void *ctx, struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < ranges; i++) {
        st = check_prefix(range[i].prefix, err);
        range[i].pages = 0;
        range[i].more = false;
    }
    for (size_t i = 0; st == ST_OK && i < wants; i++) {
        assert(!want[i].match.z[0] || !want[i].unless.z[0]);
        st = check_key(want[i].key, err);
    }
    if (st == ST_OK)
        st = s->ops->look(s, range, ranges, want, wants, max, d, got, ctx, err);
    /* Whoever ended it has said why, often into this very err. */
    if (st != ST_OK && err && err->st != st)
        err_set(err, st, NULL, "the reading was ended");
    return store_counted(st);
}

enum status objects_get_many(struct objects *s, const struct object_want *want,
                             size_t n, size_t max, struct deadline d,
                             objects_got got, void *ctx, struct err *err)
{
    return objects_look(s, NULL, 0, want, n, max, d, got, ctx, err);
}

struct version {
    struct str key;
    struct etag *out;
};

static enum status version_listed(void *ctx, const struct object_entry *e)
{
    const struct version *v = ctx;

    /* The prefix of others, too: t_1.json.gz, t_1.json.gz.bak. */
    if (str_eq(e->key, v->key))
        *v->out = e->etag;
    return ST_OK;
}

enum status objects_version(struct objects *s, struct str key,
                            struct deadline d, struct etag *out,
                            struct err *err)
{
    struct version v = {key, out};
    struct object_range range = {
        .prefix = key, .one_page = true, .listed = version_listed, .ctx = &v};

    *out = (struct etag){.z = ""};
    return objects_look(s, &range, 1, NULL, 0, 0, d, NULL, NULL, err);
}

enum status objects_delete(struct objects *s, struct str key,
                           const struct etag *match, struct deadline d,
                           struct err *err)
{
    enum status st = check_removable(key, err);

    assert(match && match->z[0]);
    return store_counted(st == ST_OK ? s->ops->remove(s, key, match, d, err)
                                     : st);
}

enum status objects_delete_unwatched(struct objects *s, struct str key,
                                     struct deadline d, struct err *err)
{
    enum status st = check_removable(key, err);

    return store_counted(st == ST_OK ? s->ops->remove(s, key, NULL, d, err)
                                     : st);
}

enum status objects_list(struct objects *s, struct str prefix,
                         struct deadline d, objects_listed listed, void *ctx,
                         int *pages, struct err *err)
{
    struct object_range range = {
        .prefix = prefix, .listed = listed, .ctx = ctx};
    enum status st = objects_look(s, &range, 1, NULL, 0, 0, d, NULL, NULL, err);

    *pages = range.pages;
    return st;
}

enum status objects_drivers(struct objects *s, struct deadline d,
                            enum status (*each)(void *ctx, struct str user_id),
                            void *ctx, struct err *err)
{
    return store_counted(s->ops->drivers(s, d, each, ctx, err));
}

enum status objects_sweep(struct objects *s, struct deadline d, struct err *err)
{
    return store_counted(s->ops->sweep(s, d, err));
}

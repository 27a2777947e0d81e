/*
 * Each round reads up to `packs_at_once` packs, those with the most texts
 * first, and beside them the objects of all rows that no pack is to be asked
 * for. What a pack had not is one of these in the next round, and packs that
 * are left over wait for it, too.
 */
#include "driver/texts.h"

#include <assert.h>
#include <stdlib.h>
#include "store/keys.h"

/* objects_get_many has one limit for all: a pack must not be over a trip's. */
static_assert(PACK_MAX <= TRIP_JSON_MAX, "packs are read as trips are");

struct source { /* an object to be read, and whose texts are in it */
    struct texts *texts;
    int64_t pack; /* PACK_NONE: the trip's own object */
    struct text_want **want;
    size_t n;
};

struct round { /* space for one, with room for every row by itself */
    struct text_want **lacking;
    struct source *group, *source;
    size_t n; /* sources */
};

static bool want_lacks(const struct text_want *w)
{
    return !w->text.deflate.n && !w->over;
}

bool texts_lack(const struct texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (want_lacks(&t->want[i]))
            return true;
    return false;
}

/* ---- what is read at once ---- */

static int64_t want_pack(const struct text_want *w)
{
    return w->no_pack ? PACK_NONE : w->row->pack;
}

static int want_by_pack(const void *pa, const void *pb)
{
    const struct text_want *a = *(struct text_want *const *)pa;
    const struct text_want *b = *(struct text_want *const *)pb;
    int64_t of_a = want_pack(a), of_b = want_pack(b);

    return of_a != of_b ? (of_a > of_b) - (of_a < of_b) : (a > b) - (a < b);
}

static int most_wanted_first(const void *pa, const void *pb)
{
    const struct source *a = pa, *b = pb;

    return (a->n < b->n) - (a->n > b->n);
}

/* The rows that lack a text, each pack's together: the most wanted first. */
static size_t group_by_pack(struct texts *t, struct round *r)
{
    size_t n = 0, groups = 0;

    for (size_t i = 0; i < t->n; i++)
        if (want_lacks(&t->want[i]))
            r->lacking[n++] = &t->want[i];
    if (n)
        qsort(r->lacking, n, sizeof *r->lacking, want_by_pack);
    for (size_t i = 0; i < n; i++) {
        int64_t pack = want_pack(r->lacking[i]);

        if (i == 0 || r->group[groups - 1].pack != pack)
            r->group[groups++] = (struct source){t, pack, &r->lacking[i], 0};
        r->group[groups - 1].n++;
    }
    if (groups)
        qsort(r->group, groups, sizeof *r->group, most_wanted_first);
    return groups;
}

static void choose_sources(struct texts *t, struct round *r)
{
    size_t groups = group_by_pack(t, r), packs = 0;

    r->n = 0;
    for (size_t i = 0; i < groups; i++) {
        const struct source *g = &r->group[i];

        if (g->pack != PACK_NONE && g->n >= t->pack_worth) {
            if (packs++ < t->packs_at_once)
                r->source[r->n++] = *g;
            continue;
        }
        for (size_t k = 0; k < g->n; k++)
            r->source[r->n++] = (struct source){t, PACK_NONE, &g->want[k], 1};
    }
    assert(r->n <= t->n); /* a row is in one source at most */
}

static struct object_want object_of(struct source *src)
{
    const struct call *c = src->texts->c;
    const struct summary_row *row = src->want[0]->row;

    /* Of a pack any version will do: pack_find judges each text by its row. A
     * trip's object must be the very one that the row is of. */
    if (src->pack != PACK_NONE)
        return (struct object_want){
            .key = key_pack(c->arena, c->user_id, src->pack), .user = src};
    return (struct object_want){
        .key = key_trip(c->arena, c->user_id, row->trip_id, row->end_ms),
        .match = row->etag,
        .user = src};
}

/* ---- what came of it ---- */

/* The pack's texts go into their places; how many it has not. */
static size_t put_texts(const struct source *src, const struct pack *pack)
{
    size_t missing = 0;

    for (size_t i = 0; i < src->n; i++) {
        struct text_want *w = src->want[i];
        const struct pack_entry *e = pack_find(pack, w->row);

        /* Whatever it had: the next round asks the object, so it ends. */
        assert(!w->text.deflate.n);
        w->no_pack = true;
        missing += !e;
        if (!e)
            continue;
        w->text = e->text;
        w->text.deflate = arena_copy(src->texts->c->arena, e->text.deflate);
    }
    return missing;
}

static enum status pack_got(const struct source *src, struct str key,
                            enum status st, const struct object *obj,
                            const struct err *why)
{
    struct arena *a = arena_new(0); /* of one pack's index */
    struct pack pack = {.n = 0};
    struct err err = st == ST_OK ? ERR_NONE : *why;
    struct pack_read r = {.number = src->pack,
                          .key = key,
                          .obj = st == ST_OK ? obj : NULL,
                          .err = &err,
                          .want = src->want,
                          .n = src->n};

    if (st == ST_OK)
        st = pack_open(obj->body, a, &pack, &err);
    if (st == ST_OK && pack.user_id.n &&
        !str_eq(pack.user_id, src->texts->c->user_id)) {
        pack.n = 0;
        st = err_set(&err, ST_CORRUPT, NULL, "the pack is another user's");
    }
    r.st = st;
    r.entries = pack.n;
    r.missing = put_texts(src, &pack);
    st = src->texts->pack_read(src->texts->ctx, &r);
    arena_free(&a);
    return st;
}

static enum status object_got(void *ctx, const struct object_want *object,
                              enum status st, const struct object *obj,
                              const struct err *why)
{
    const struct source *src = object->user;
    struct texts *t = ctx;
    struct text_want *w = src->want[0];
    struct trip_text text = {.deflate = STR_NONE};

    if (src->pack != PACK_NONE)
        return pack_got(src, object->key, st, obj, why);
    assert(src->n == 1 && !w->over);
    w->over = true;
    if (st == ST_OK)
        st = trip_object_text(obj, t->c->arena, &text, t->c->err);
    else
        *t->c->err = *why;
    return t->object_read(t->ctx, w, st, &text);
}

static enum status read_sources(struct texts *t, struct round *r)
{
    const struct call *c = t->c;
    struct object_want *object = arena_alloc_n(c->arena, r->n, sizeof *object);

    for (size_t i = 0; i < r->n; i++)
        object[i] = object_of(&r->source[i]);
    return objects_get_many(c->stores->objects, object, r->n, TRIP_JSON_MAX,
                            c->deadline, object_got, t, c->err);
}

enum status texts_gather(struct texts *t)
{
    struct arena *a = t->c->arena;
    enum status st = ST_OK;
    struct round r;

    /* Else a pack would wait for its turn for ever. */
    assert(t->packs_at_once > 0);
    assert(t->pack_read && t->object_read);
    if (!texts_lack(t))
        return ST_OK;
    r = (struct round){.lacking = arena_alloc_n(a, t->n, sizeof *r.lacking),
                       .group = arena_alloc_n(a, t->n, sizeof *r.group),
                       .source = arena_alloc_n(a, t->n, sizeof *r.source)};
    for (choose_sources(t, &r); st == ST_OK && r.n; choose_sources(t, &r))
        st = read_sources(t, &r);
    return st;
}

#include "driver/trip_object.h"

#include <assert.h>
#include "base/fault.h"
#include "base/json.h"
#include "base/stats.h"
#include "score/analysis_json.h"
#include "store/keys.h"

/* A foreign writer's JSON may nest deeper than what we take from clients. */
#define TRIP_DEPTH 64
/* Each is lost to another writer of the same trip: a client that repeats itself
 * on two hosts is one. */
#define PUT_TRIES 8
/* Objects of one trip that a finalize looks at. There are two or three; what is
 * beyond, reconcile finds. */
#define SAME_TRIP_MAX 64

/* json: a buf to append the text to. */
static enum status split_object(const struct object *obj, struct arena *a,
                                struct buf *json, struct trip_text *out,
                                struct err *err)
{
    struct buf deflate;
    enum status st;

    /* What does not compress grows a little as a fragment: twice is ample. */
    buf_init(&deflate, 2 * TRIP_JSON_MAX);
    st = gzip_split(obj->body, json, &deflate, &out->sum, err);
    if (st == ST_OK)
        out->deflate = arena_copy(a, buf_str(&deflate));
    buf_free(&deflate);
    /* To whoever reads it, it is one that no reader can use (rule 9). */
    return st == ST_TOO_LARGE
               ? err_set(err, ST_CORRUPT, NULL,
                         "larger than %zu bytes unpacked", TRIP_JSON_MAX)
               : st;
}

enum status trip_object_text(const struct object *obj, struct arena *a,
                             struct trip_text *out, struct err *err)
{
    struct buf json;
    enum status st;

    buf_init(&json, TRIP_JSON_MAX);
    st = split_object(obj, a, &json, out, err);
    buf_free(&json);
    return st;
}

static enum status names_other(const char *what, struct str named,
                               struct err *err)
{
    return err_set(err, ST_CORRUPT, NULL, "the analysis is of another %s: %.*s",
                   what, named.n > 160 ? 160 : (int)named.n, named.p);
}

enum status trip_text_figures(struct str text, struct str user_id,
                              struct str trip_id, struct arena *a,
                              struct summary_row *row, struct err *err)
{
    struct err why = ERR_NONE;
    struct json root;
    struct analysis_names named;
    enum status st;

    if (json_check(text, TRIP_DEPTH, &root, &why) != ST_OK ||
        root.type != JSON_OBJECT)
        return err_set(err, ST_CORRUPT, NULL, "not one JSON object: %s",
                       why.text);
    st = analysis_figures(root, a, &row->figures, &named, &row->revision, err);
    if (st != ST_OK)
        return st;
    if (!str_eq(named.trip_id, trip_id))
        return names_other("trip", named.trip_id, err);
    if (named.user_id.n && !str_eq(named.user_id, user_id))
        return names_other("user", named.user_id, err);
    return ST_OK;
}

enum status trip_object_open(struct str key, const struct object *obj,
                             struct arena *a, struct trip_reading *out,
                             struct err *err)
{
    struct str user_id, trip_id;
    struct buf json;
    enum status st;

    *out = (struct trip_reading){.text = {.deflate = STR_NONE}};
    if (!key_parse_trip(key, &user_id, &trip_id, &out->row.end_ms))
        return err_set(err, ST_CORRUPT, NULL, "not a trip's key");
    buf_init(&json, TRIP_JSON_MAX);
    st = split_object(obj, a, &json, &out->text, err);
    if (st == ST_OK)
        st = trip_text_figures(arena_copy(a, buf_str(&json)), user_id, trip_id,
                               a, &out->row, err);
    buf_free(&json);
    if (st != ST_OK)
        return st;
    /* The key is the identity: listings know nothing else. */
    out->row.trip_id = arena_copy(a, trip_id);
    out->row.etag = obj->etag;
    out->row.size = (int64_t)obj->body.n;
    out->row.modified_us = obj->modified_us;
    summary_row_text(&out->row, &out->text.sum, out->text.deflate.n);
    return ST_OK;
}

/* What cannot be read is older than anything readable, and written over as the
 * version that lies there. */
static enum status unreadable_under_key(const struct call *c,
                                        const struct trip_object *t,
                                        struct etag *version)
{
    err_clear(c->err);
    return version->z[0] ? ST_OK
                         : objects_version(c->stores->objects, t->key,
                                           c->deadline, version, c->err);
}

/* What lies under the key now: its version, and whether it is later. */
static enum status read_under_key(const struct call *c,
                                  const struct trip_object *t,
                                  struct etag *version, enum placed *how)
{
    struct trip_reading there;
    struct object obj;
    enum status st;

    *version = (struct etag){.z = ""};
    *how = PLACED;
    st = objects_get(c->stores->objects, t->key, NULL, TRIP_JSON_MAX,
                     c->deadline, c->arena, &obj, c->err);
    if (st == ST_NOT_FOUND) {
        err_clear(c->err);
        return ST_OK;
    }
    if (st == ST_OK) {
        *version = obj.etag;
        st = trip_object_open(t->key, &obj, c->arena, &there, c->err);
    }
    if (st == ST_CORRUPT || st == ST_TOO_LARGE)
        return unreadable_under_key(c, t, version);
    if (st == ST_OK && there.row.revision > t->row.revision)
        *how = PLACED_SUPERSEDED;
    return st;
}

enum status trip_object_put(const struct call *c, struct trip_object *t,
                            const struct summary_row *seen, enum placed *how)
{
    struct etag version = {.z = ""};
    enum status st;

    assert(t->key.n && t->body.n);
    *how = PLACED;
    if (seen && seen->end_ms == t->row.end_ms &&
        seen->revision < t->row.revision)
        version = seen->etag;
    for (int tries = 0; tries < PUT_TRIES; tries++) {
        st = objects_put(c->stores->objects, t->key, t->body, &t->meta,
                         version.z[0] ? COND_MATCH : COND_ABSENT, &version,
                         c->deadline, &t->row.etag, c->err);
        if (st != ST_PRECONDITION && st != ST_BUSY && st != ST_NOT_FOUND)
            return st;
        err_clear(c->err);
        st = read_under_key(c, t, &version, how);
        if (st != ST_OK || *how == PLACED_SUPERSEDED)
            return st;
    }
    return err_set(c->err, ST_BUSY, "object_contended",
                   "the trip's object changed %d times while it was written",
                   PUT_TRIES);
}

/* ---- tidying ---- */

static enum status remove_version(const struct call *c,
                                  const struct summary_row *row)
{
    struct str key = key_trip(c->arena, c->user_id, row->trip_id, row->end_ms);
    enum status st = objects_delete(c->stores->objects, key, &row->etag,
                                    c->deadline, c->err);

    if (st == ST_PRECONDITION || st == ST_BUSY) { /* reconcile's work */
        err_clear(c->err);
        return ST_OK;
    }
    return st;
}

/* Of two objects of one trip the older goes; the same key is one object. */
static enum status remove_older(const struct call *c,
                                const struct summary_row *mine,
                                const struct summary_row *other,
                                bool *mine_went)
{
    bool later = other->revision > mine->revision;

    assert(str_eq(other->trip_id, mine->trip_id));
    if (other->end_ms == mine->end_ms || other->revision == mine->revision)
        return ST_OK;
    /* Also when it could not be removed: it is the older one, and judges
     * nobody any more. */
    *mine_went = *mine_went || later;
    return remove_version(c, later ? mine : other);
}

struct siblings {
    struct arena *a;
    struct str trip_id;
    struct object_entry entry[SAME_TRIP_MAX];
    size_t n;
};

static enum status note_sibling(void *ctx, const struct object_entry *e)
{
    struct siblings *list = ctx;
    struct str user_id, trip_id;
    int64_t end_ms;

    if (!key_parse_trip(e->key, &user_id, &trip_id, &end_ms) ||
        !str_eq(trip_id, list->trip_id) || list->n == SAME_TRIP_MAX ||
        !e->etag.z[0])
        return ST_OK;
    list->entry[list->n] = *e;
    list->entry[list->n++].key = arena_copy(list->a, e->key);
    return ST_OK;
}

static enum status open_sibling(const struct call *c,
                                const struct object_entry *e,
                                struct trip_reading *out)
{
    struct object obj;
    enum status st =
        objects_get(c->stores->objects, e->key, &e->etag, TRIP_JSON_MAX,
                    c->deadline, c->arena, &obj, c->err);

    return st == ST_OK ? trip_object_open(e->key, &obj, c->arena, out, c->err)
                       : st;
}

static enum status remove_if_older(const struct call *c,
                                   const struct summary_row *mine,
                                   const struct object_entry *e,
                                   bool *mine_went)
{
    struct trip_reading there;
    enum status st = open_sibling(c, e, &there);

    /* It changed: whoever did that judges it. Or it cannot be read: then it is
     * not known to be older, and a person has to look. */
    if (st == ST_NOT_FOUND || st == ST_PRECONDITION || st == ST_CORRUPT ||
        st == ST_TOO_LARGE || st == ST_DENIED) {
        err_clear(c->err);
        return ST_OK;
    }
    if (st != ST_OK)
        return st;
    return remove_older(c, mine, &there.row, mine_went);
}

static enum status list_siblings(const struct call *c, struct str trip_id,
                                 struct siblings **out)
{
    struct siblings *list = arena_alloc(c->arena, sizeof *list);
    int pages;

    *list = (struct siblings){.a = c->arena, .trip_id = trip_id};
    *out = list;
    return objects_list(c->stores->objects,
                        key_trip_prefix(c->arena, c->user_id, trip_id),
                        c->deadline, note_sibling, list, &pages, c->err);
}

static enum status tidy_listed(const struct call *c,
                               const struct summary_row *mine, bool *mine_went)
{
    struct siblings *list;
    enum status st = list_siblings(c, mine->trip_id, &list);

    for (size_t i = 0; st == ST_OK && i < list->n && !*mine_went; i++) {
        struct str user, trip;
        int64_t end_ms;
        bool parsed = key_parse_trip(list->entry[i].key, &user, &trip, &end_ms);

        assert(parsed);
        if (end_ms != mine->end_ms)
            st = remove_if_older(c, mine, &list->entry[i], mine_went);
    }
    return st;
}

enum status trip_object_tidy(const struct call *c,
                             const struct summary_row *mine,
                             const struct summary_row *other, bool list)
{
    bool mine_went = false;
    enum status st = ST_OK;

    assert(mine->trip_id.n && mine->etag.z[0]);
    if (fault_point("finalize.tidy"))
        return err_set(c->err, ST_UNAVAILABLE, NULL, "fault point");
    if (other)
        st = remove_older(c, mine, other, &mine_went);
    if (st == ST_OK && list && !mine_went)
        st = tidy_listed(c, mine, &mine_went);
    return st;
}

/* ---- what there is of a trip ---- */

enum status trip_revision_there(const struct call *c, struct str trip_id,
                                const struct summary *seen, int64_t *out)
{
    const struct summary_row *row = summary_find(seen, trip_id);
    struct siblings *list;
    enum status st = list_siblings(c, trip_id, &list);

    *out = row ? row->revision : 0;
    for (size_t i = 0; st == ST_OK && i < list->n; i++) {
        struct trip_reading there;

        st = open_sibling(c, &list->entry[i], &there);
        if (st == ST_OK && there.row.revision > *out)
            *out = there.row.revision;
        /* Another version by now: whoever wrote it has claimed the trip. */
        if (st == ST_NOT_FOUND || st == ST_PRECONDITION || st == ST_CORRUPT) {
            err_clear(c->err);
            st = ST_OK;
        }
    }
    return st;
}

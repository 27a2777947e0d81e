#include "answer/answer_stream.h"

#include <assert.h>
#include <stdlib.h>
#include "base/fault.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/stats.h"

/* ---- from the store ---- */

struct streaming {
    const struct call *c;
    struct trip_list list;
    struct answer_filling *filling; /* or NULL */
};

struct stream {
    struct streaming *from;
    enum coding coding; /* of the reader */
    files_take take;
    void *to;
};

static enum status put_part(void *ctx, enum coding coding, struct str bytes,
                            struct err *err)
{
    struct stream *s = ctx;

    (void)err;
    if (s->from->filling)
        answer_filling_put(s->from->filling, coding, bytes);
    return coding == s->coding ? s->take(s->to, bytes) : ST_OK;
}

static enum status stream_each(struct streaming *from, enum coding coding,
                               files_take take, void *to, struct err *err)
{
    /* Whoever fills needs both codings, though the reader gets one. */
    struct stream s = {from, coding, take, to};
    struct trip_list_out out = {
        .plain = coding == CODING_PLAIN || from->filling,
        .gzip = coding == CODING_GZIP || from->filling,
        .put = put_part,
        .ctx = &s,
    };
    struct call c = call_with(from->c, from->c->arena, err);
    enum status st = trip_list_stream(&c, &from->list, coding, 0, &out);

    if (st == ST_OK && from->filling)
        (void)answer_filling_end(from->filling);
    return st;
}

static enum status each_plain(void *ctx, files_take take, void *to,
                              struct err *err)
{
    return stream_each(ctx, CODING_PLAIN, take, to, err);
}

static enum status each_gzip(void *ctx, files_take take, void *to,
                             struct err *err)
{
    return stream_each(ctx, CODING_GZIP, take, to, err);
}

void answer_stream(const struct call *c, const struct trip_list *l,
                   const struct answer_wish *wish, struct answer *out)
{
    struct streaming *from = arena_alloc(c->arena, sizeof *from);

    /* The rows know how long whole trips are, and nothing of their fields. */
    assert(fields_is_all(l->fields));
    *from = (struct streaming){.c = c, .list = *l};
    out->streamed = true;
    out->sum = trip_list_sum(l);
    if (wish->plain)
        out->plain = (struct answer_list){trip_list_length(l, CODING_PLAIN),
                                          each_plain, from};
    if (wish->gzip)
        out->gzip = (struct answer_list){trip_list_length(l, CODING_GZIP),
                                         each_gzip, from};
}

void answer_stream_fill(struct answer *ans, struct answer_filling *f)
{
    struct streaming *from = ans->plain.ctx;

    assert(ans->streamed && ans->plain.ctx == ans->gzip.ctx);
    assert(!from->filling);
    from->filling = f;
}

/* ---- from the cache ---- */

struct kept_list {
    const struct call *c;
    const struct answer_entry *entry;
    enum coding coding;
};

/* Its own call, which has all the time of a request anew. */
static struct call kept_call(const struct kept_list *k, struct err *err)
{
    struct call c = call_with(k->c, k->c->arena, err);

    c.deadline = deadline_in(c.stores->conf->server_request_timeout);
    return c;
}

/* The driver's trips, if they are still the entry's. */
static enum status same_trips(const struct kept_list *k, struct roster *out,
                              struct err *err)
{
    char state[ROSTER_STATE + 1];
    struct call c = kept_call(k, err);
    struct user u;
    enum status st = records_user(c.stores->records, c.user_id, c.deadline,
                                  c.arena, &u, err);

    if (st != ST_OK)
        return st;
    c = kept_call(k, err); /* a deadline of its own: two stores */
    st = roster_read(&c, NULL, out);
    if (st != ST_OK)
        return st;
    /* Half of the old list and half of the new would be no list at all. */
    roster_state(out, &u, state);
    if (str_is(k->entry->answer.state, state))
        return ST_OK;
    return err_set(err, ST_PRECONDITION, "driver_changed",
                   "the driver changed while the answer was sent");
}

struct rest {
    files_take take;
    void *to;
};

static enum status put_rest(void *ctx, enum coding coding, struct str bytes,
                            struct err *err)
{
    struct rest *r = ctx;

    (void)coding;
    (void)err;
    return r->take(r->to, bytes);
}

/* What the cache lacks, from the store: the list's bytes behind `skip`. */
static enum status replace_rest(const struct kept_list *k, size_t skip,
                                files_take take, void *to, struct err *err)
{
    struct roster *roster = arena_alloc(k->c->arena, sizeof *roster);
    struct call c = call_with(k->c, k->c->arena, err);
    struct rest rest = {take, to};
    struct trip_list_out out = {.plain = k->coding == CODING_PLAIN,
                                .gzip = k->coding == CODING_GZIP,
                                .put = put_rest,
                                .ctx = &rest};
    struct trip_list list = {.roster = roster, .fields = fields_all()};
    enum status st = same_trips(k, roster, err);

    if (st != ST_OK)
        return st;
    list.to = roster->n;
    stat_add(STAT_pieces_replaced, 1);
    return trip_list_stream(&c, &list, k->coding, skip, &out);
}

static enum status kept_each(void *ctx, files_take take, void *to,
                             struct err *err)
{
    const struct kept_list *k = ctx;
    const struct answer_entry *e = k->entry;
    int n = answer_pieces(k->coding == CODING_GZIP ? e->gzip : e->plain);
    char *piece = malloc(CACHE_PIECE_MAX);
    enum status st = ST_OK;

    memory_check(piece);
    for (int i = 0; st == ST_OK && i < n; i++) {
        struct call c = kept_call(k, err);
        size_t size;

        if (!fault_point(i ? "answer.piece.later" : "answer.piece") &&
            answer_piece(&c, e, k->coding, i, piece, &size) == ST_OK) {
            st = take(to, (struct str){piece, size});
            continue;
        }
        err_clear(err); /* the cache has counted it */
        st = replace_rest(k, (size_t)i * CACHE_PIECE_MAX, take, to, err);
        break;
    }
    free(piece);
    return st;
}

struct answer_list answer_stream_kept(const struct call *c,
                                      const struct answer_entry *e,
                                      enum coding coding)
{
    struct kept_list *k = arena_alloc(c->arena, sizeof *k);
    /* A copy: the caller's ends with his look into the cache. */
    struct answer_entry *own = arena_alloc(c->arena, sizeof *own);

    *own = *e;
    *k = (struct kept_list){c, own, coding};
    return (struct answer_list){coding == CODING_GZIP ? e->gzip : e->plain,
                                kept_each, k};
}

#include "driver/roster_complete.h"

#include <assert.h>
#include "base/stats.h"
#include "driver/trip_texts.h"
#include "score/analysis_json.h"

struct completing {
    const struct call *c;
    struct roster part; /* the trips whose rows lack figures */
    struct trip_texts *texts;
    struct arena *scratch; /* one analysis at a time */
    size_t *text_room;     /* as roster_keep_text takes it */
};

static enum status complete_trip(struct completing *w, size_t i)
{
    struct roster_trip *trip = w->part.trip[i];
    const struct trip_text *text;
    struct summary_row read = {.revision = 0};
    struct str json;
    enum status st = trip_texts_get(w->c, w->texts, i, &text, &json);

    if (st != ST_OK || !text)
        return st;
    assert(summary_row_lacks(&trip->row));
    arena_reset(w->scratch);
    st = trip_text_figures(json, w->c->user_id, trip->row.trip_id, w->scratch,
                           &read, w->c->err);
    if (st == ST_CORRUPT) {
        roster_drop(w->c, &w->part, trip, w->c->err);
        err_clear(w->c->err);
        return ST_OK;
    }
    figures_keep(&read.figures, w->c->arena);
    summary_row_complete(&trip->row, &read.figures, w->c->arena);
    /* What is in a pack comes from there again, with its neighbours, at the
     * price of one read; it would take the room of those that are alone. */
    if (!trip->text.deflate.n && trip->row.pack == PACK_NONE)
        roster_keep_text(trip, text, w->text_room, w->c->arena);
    return st;
}

enum status roster_complete(const struct call *c, struct roster *r,
                            size_t *text_room)
{
    struct completing w = {.c = c, .text_room = text_room};
    enum status st = ST_OK;

    w.part.trip = arena_alloc_n(c->arena, r->n + 1, sizeof *w.part.trip);
    for (size_t i = 0; i < r->n; i++)
        if (summary_row_lacks(&r->trip[i]->row))
            w.part.trip[w.part.n++] = r->trip[i];
    if (!w.part.n)
        return ST_OK;
    w.texts = trip_texts_new(c, &w.part);
    w.scratch = arena_within(c->arena, 64 * 1024);
    for (size_t from = 0, end; st == ST_OK && from < w.part.n; from = end) {
        st = trip_texts_window(c, w.texts, from, w.part.n, &end);
        for (size_t i = from; st == ST_OK && i < end; i++)
            st = complete_trip(&w, i);
    }
    /* They were marked as trips of `part`, of which the roster does not know.
     */
    assert(w.part.unreadable <= w.part.n);
    r->unreadable += w.part.unreadable;
    stat_add(STAT_rows_completed, w.part.n - w.part.unreadable);
    return st;
}

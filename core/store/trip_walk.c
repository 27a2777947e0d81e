#include "store/trip_walk.h"

#include <assert.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/memory.h"
#include "store/sigv4.h"

#define MARK_BEGIN '-' /* before a segment's position: not begun, */
#define MARK_AT '@'    /* under way, */
#define MARK_END '.'   /* over */
#define PAGE_TRIES 6
#define PAGE_PAUSE_MS 1000
#define PRINTED_MAX (3 * WALK_POSITION_MAX + 1)

struct walk_segment {
    bool over;
    char *at; /* NULL: not begun, or over */
    size_t n;
};

struct trip_walk {
    int segments;
    int64_t trips, pages;
    struct walk_segment segment[WALK_SEGMENTS_MAX];
};

struct trip_walk *trip_walk_new(int segments)
{
    struct trip_walk *w = calloc(1, sizeof *w);

    assert(w && segments >= 1 && segments <= WALK_SEGMENTS_MAX);
    w->segments = segments;
    return w;
}

void trip_walk_free(struct trip_walk **wp)
{
    struct trip_walk *w = *wp;

    if (!w)
        return;
    for (int i = 0; i < w->segments; i++)
        free(w->segment[i].at);
    free(w);
    *wp = NULL;
}

static const struct walk_segment *walk_segment(const struct trip_walk *w, int i)
{
    assert(i >= 0 && i < w->segments);
    return &w->segment[i];
}

int trip_walk_segments(const struct trip_walk *w)
{
    return w->segments;
}

bool trip_walk_begun(const struct trip_walk *w, int segment)
{
    const struct walk_segment *g = walk_segment(w, segment);

    return g->over || g->at;
}

bool trip_walk_ended(const struct trip_walk *w, int segment)
{
    return walk_segment(w, segment)->over;
}

struct str trip_walk_position(const struct trip_walk *w, int segment)
{
    const struct walk_segment *g = walk_segment(w, segment);

    return (struct str){g->at, g->n};
}

void trip_walk_move(struct trip_walk *w, int segment, struct str position)
{
    struct walk_segment *g = &w->segment[segment];
    char *at;

    assert(!trip_walk_ended(w, segment));
    assert(position.n > 0 && position.n <= WALK_POSITION_MAX);
    at = malloc(position.n); /* before the old one goes: it may be a view */
    memory_check(at);
    memcpy(at, position.p, position.n);
    free(g->at);
    g->at = at;
    g->n = position.n;
}

void trip_walk_end(struct trip_walk *w, int segment)
{
    struct walk_segment *g = &w->segment[segment];

    assert(!trip_walk_ended(w, segment));
    free(g->at);
    *g = (struct walk_segment){.over = true};
}

void trip_walk_count(struct trip_walk *w, int64_t trips)
{
    w->pages++;
    w->trips += trips;
}

struct walk_progress trip_walk_progress(const struct trip_walk *w)
{
    struct walk_progress p = {
        .trips = w->trips, .pages = w->pages, .segments = w->segments};

    for (int i = 0; i < w->segments; i++)
        p.over += w->segment[i].over;
    return p;
}

bool trip_walk_over(const struct trip_walk *w)
{
    return trip_walk_progress(w).over == w->segments;
}

/* ---- as text: a mark a segment, and its position behind it, as in a URL ----
 */

struct str trip_walk_print(const struct trip_walk *w, struct arena *a)
{
    struct buf b;
    struct str out;

    buf_init(&b, WALK_SEGMENTS_MAX * (PRINTED_MAX + 1));
    for (int i = 0; i < w->segments; i++) {
        const struct walk_segment *g = &w->segment[i];

        buf_putc(&b, g->over ? MARK_END : g->at ? MARK_AT : MARK_BEGIN);
        if (g->at)
            sigv4_encode(&b, trip_walk_position(w, i));
        buf_putc(&b, ',');
    }
    assert(buf_ok(&b));
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

static int walk_hex(char c)
{
    const char *digits = "0123456789ABCDEF";
    const char *p = c ? strchr(digits, c) : NULL;

    return p ? (int)(p - digits) : -1;
}

/* Of s, up to the comma; false when it is not as sigv4_encode makes it. */
static bool walk_decode(struct str s, char *out, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int high, low;

        if (s.p[i] != '%') {
            out[(*n)++] = s.p[i];
            continue;
        }
        if (s.n - i < 3 || (high = walk_hex(s.p[i + 1])) < 0 ||
            (low = walk_hex(s.p[i + 2])) < 0)
            return false;
        out[(*n)++] = (char)(16 * high + low);
        i += 2;
    }
    return *n > 0 && *n <= WALK_POSITION_MAX;
}

static bool walk_read_segment(struct str s, struct trip_walk *w, int segment)
{
    char position[PRINTED_MAX];
    size_t n;

    if (s.n == 1 && s.p[0] == MARK_END)
        trip_walk_end(w, segment);
    else if (s.n == 1)
        return s.p[0] == MARK_BEGIN;
    else if (s.n < 2 || s.p[0] != MARK_AT || s.n > PRINTED_MAX ||
             !walk_decode((struct str){s.p + 1, s.n - 1}, position, &n))
        return false;
    else
        trip_walk_move(w, segment, (struct str){position, n});
    return true;
}

enum status trip_walk_resume(struct str printed, struct trip_walk **out,
                             struct err *err)
{
    struct trip_walk *w = trip_walk_new(WALK_SEGMENTS_MAX);
    struct str left = printed;
    bool ok = left.n > 0;
    int n = 0;

    while (ok && left.n) {
        const char *comma = memchr(left.p, ',', left.n);
        struct str one = {left.p, comma ? (size_t)(comma - left.p) : 0};

        ok = comma && n < WALK_SEGMENTS_MAX && walk_read_segment(one, w, n);
        n++;
        left = (struct str){left.p + one.n + 1, left.n - one.n - 1};
    }
    *out = w;
    if (!ok) {
        trip_walk_free(out);
        return err_set(err, ST_BAD_REQUEST, "walk_position",
                       "this is no position of a walk over the trips");
    }
    w->segments = n;
    return ST_OK;
}

bool trip_walk_again(int *tries, enum status st)
{
    if ((st != ST_UNAVAILABLE && st != ST_TIMEOUT) || ++*tries == PAGE_TRIES)
        return false;
    clock_sleep_ms(PAGE_PAUSE_MS << (*tries - 1));
    return true;
}

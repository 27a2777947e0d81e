/*
 * First fit, the fullest first: lots (what is in one pack now, and the loose
 * trips in stretches of time) go into bins, each into the first that has room
 * for all of it. A bin of more than one lot, or of a loose one, is a pack to be
 * written. As a lot began a bin only when it fitted into none before, and bins
 * only grow, no two bins fit together.
 */
#include "driver/packing.h"

#include <assert.h>
#include <stdlib.h>

/* Else a loose trip would begin a lot that no bin has room for. */
static_assert((size_t)PACKING_TEXT_MAX <= PACKING_BYTES,
              "any text that is packed fits into a pack");

struct lot { /* rows that stay together: [from, to) of the sorted ones */
    size_t from, to;
    int64_t number; /* of the pack that they are in */
    size_t bytes;
    size_t bin;
};

struct bin {
    int64_t number; /* of the fullest pack in it */
    size_t n, bytes, lots;
};

struct planning {
    struct summary_row **row; /* by pack, then by end time */
    size_t n;
    struct lot *lot; /* the fullest first */
    size_t lots;
    struct bin *bin;
    size_t bins;
};

static bool can_be_packed(const struct summary_row *row)
{
    /* 0 bytes are a row that does not know its text: nothing could be put. */
    return row->pack >= PACK_NONE && row->deflate > 0 &&
           row->deflate <= PACKING_TEXT_MAX;
}

size_t packing_loose(const struct summary *sum)
{
    size_t loose = 0;

    for (size_t i = 0; i < sum->n; i++)
        loose += sum->row[i].pack == PACK_NONE && can_be_packed(&sum->row[i]);
    return loose;
}

static int row_by_end(const void *pa, const void *pb)
{
    const struct summary_row *a = *(struct summary_row *const *)pa;
    const struct summary_row *b = *(struct summary_row *const *)pb;

    if (a->end_ms != b->end_ms)
        return a->end_ms < b->end_ms ? -1 : 1;
    return str_cmp(a->trip_id, b->trip_id);
}

static int row_by_pack(const void *pa, const void *pb)
{
    const struct summary_row *a = *(struct summary_row *const *)pa;
    const struct summary_row *b = *(struct summary_row *const *)pb;

    if (a->pack != b->pack)
        return a->pack < b->pack ? -1 : 1;
    return row_by_end(pa, pb);
}

static bool lot_fits(size_t n, size_t bytes, size_t more, size_t more_bytes)
{
    return n + more <= PACKING_TRIPS && bytes + more_bytes <= PACKING_BYTES;
}

/* How full a pack of so much is, by the limit that it is nearer to. */
static uint64_t lot_fullness(const struct lot *l)
{
    uint64_t by_n = (uint64_t)(l->to - l->from) * PACKING_BYTES;
    uint64_t by_bytes = (uint64_t)l->bytes * PACKING_TRIPS;

    return by_n > by_bytes ? by_n : by_bytes;
}

static int fullest_first(const void *pa, const void *pb)
{
    const struct lot *a = pa, *b = pb;
    uint64_t fa = lot_fullness(a), fb = lot_fullness(b);

    if (fa != fb)
        return fa > fb ? -1 : 1;
    /* qsort is not stable, and two packers should come to one plan. */
    return (a->from > b->from) - (a->from < b->from);
}

/* A pack that is there is one lot whatever its size. */
static bool lot_goes_on(const struct lot *l, const struct summary_row *row)
{
    return row->pack == l->number &&
           (row->pack != PACK_NONE ||
            lot_fits(l->to - l->from, l->bytes, 1, (size_t)row->deflate));
}

static void make_lots(struct planning *p, struct arena *a)
{
    struct lot *l = p->lot = arena_alloc_n(a, p->n + 1, sizeof *p->lot);

    for (size_t i = 0; i < p->n; i++) {
        const struct summary_row *row = p->row[i];

        if (i == 0 || !lot_goes_on(l, row)) {
            l = &p->lot[p->lots++];
            *l = (struct lot){.from = i, .to = i, .number = row->pack};
        }
        assert(row->deflate > 0); /* can_be_packed */
        l->to++;
        l->bytes += (size_t)row->deflate;
    }
    if (p->lots)
        qsort(p->lot, p->lots, sizeof *p->lot, fullest_first);
}

static void fill_bins(struct planning *p, struct arena *a)
{
    p->bin = arena_alloc_n(a, p->lots + 1, sizeof *p->bin);
    for (size_t i = 0; i < p->lots; i++) {
        struct lot *l = &p->lot[i];
        struct bin *b = p->bin;

        assert(l->from < l->to && p->bins <= i);
        while (b < p->bin + p->bins &&
               !lot_fits(b->n, b->bytes, l->to - l->from, l->bytes))
            b++;
        l->bin = (size_t)(b - p->bin);
        p->bins += l->bin == p->bins;
        /* The fullest came first: its pack is rewritten, the others' rows move
         * into it, and reconcile removes what nobody names any more. */
        if (b->number == PACK_NONE)
            b->number = l->number;
        b->n += l->to - l->from;
        b->bytes += l->bytes;
        b->lots++;
    }
}

static void plan_pack(const struct planning *p, size_t bin, struct arena *a,
                      struct planned_pack *out)
{
    const struct bin *b = &p->bin[bin];

    out->number = b->number;
    out->bytes = b->bytes;
    out->row = arena_alloc_n(a, b->n, sizeof(struct summary_row *));
    for (size_t i = 0; i < p->lots; i++)
        if (p->lot[i].bin == bin)
            for (size_t k = p->lot[i].from; k < p->lot[i].to; k++)
                out->row[out->n++] = p->row[k];
    assert(out->n == b->n);
    /* A page of an answer is a stretch of time, so it lies together. */
    qsort(out->row, out->n, sizeof(struct summary_row *), row_by_end);
}

void packing_plan(const struct summary *sum, struct arena *a,
                  struct packing_plan *out)
{
    struct planning p = {.n = 0};

    p.row = arena_alloc_n(a, sum->n + 1, sizeof(struct summary_row *));
    for (size_t i = 0; i < sum->n; i++)
        if (can_be_packed(&sum->row[i]))
            p.row[p.n++] = &sum->row[i];
    if (p.n)
        qsort(p.row, p.n, sizeof(struct summary_row *), row_by_pack);
    make_lots(&p, a);
    fill_bins(&p, a);
    *out = (struct packing_plan){
        .pack = arena_alloc_n(a, p.bins + 1, sizeof *out->pack)};
    for (size_t i = 0; i < p.bins; i++)
        if (p.bin[i].lots > 1 || p.bin[i].number == PACK_NONE)
            plan_pack(&p, i, a, &out->pack[out->n++]);
}

/* The plan of packs: what holds after every packing of any history, how many
 * packs there are, and what they cost a finalize. */
#include "driver/packing.h"

#include <assert.h>
#include "t/unit/tap.h"

#define TRIPS_MAX 10000
#define FINALIZE_CALLS 5 /* in sequence, without packing */

struct history {
    struct arena *a; /* of the names */
    struct arena *scratch;
    struct summary s;
    size_t finalizes;
    size_t packings;
    size_t calls; /* of packing alone */
    bool right;   /* nothing wrong was seen yet */
};

static uint64_t seed = 20251220;

static uint64_t below(uint64_t bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % bound;
}

static struct history history_new(void)
{
    struct history h = {
        .a = arena_new(0), .scratch = arena_new(1024 * 1024), .right = true};

    h.s.row = arena_alloc_n(h.a, TRIPS_MAX, sizeof *h.s.row);
    return h;
}

static void history_free(struct history *h)
{
    arena_free(&h->scratch);
    arena_free(&h->a);
}

static void expect(struct history *h, bool holds, const char *what)
{
    if (holds)
        return;
    if (h->right)
        tap_note("wrong after %zu finalizes: %s", h->finalizes, what);
    h->right = false;
}

/* ---- what holds after every packing ---- */

struct tally {
    size_t n, bytes;
};

static size_t count_packs(struct history *h, struct tally *all)
{
    struct tally *of = arena_alloc_n(h->scratch, h->s.n + 2, sizeof *of);
    size_t packs = 0;

    for (size_t i = 0; i < h->s.n; i++) {
        const struct summary_row *row = &h->s.row[i];

        assert(row->pack <= (int64_t)h->s.n);
        of[row->pack].n++;
        of[row->pack].bytes += (size_t)row->deflate;
        if (row->pack == PACK_NONE)
            continue;
        all->n++;
        all->bytes += (size_t)row->deflate;
    }
    for (size_t i = 1; i < h->s.n + 2; i++) {
        packs += of[i].n > 0;
        expect(h, of[i].n <= PACKING_TRIPS && of[i].bytes <= PACKING_BYTES,
               "a pack has grown too large");
    }
    return packs;
}

static size_t check_packed(struct history *h)
{
    struct tally all = {.n = 0};
    size_t packs = count_packs(h, &all), loose = 0;

    for (size_t i = 0; i < h->s.n; i++)
        loose += h->s.row[i].pack == PACK_NONE &&
                 h->s.row[i].deflate <= PACKING_TEXT_MAX;
    expect(h, loose == 0, "something is loose after a packing");
    expect(h,
           packs <= all.n / (PACKING_TRIPS / 2) +
                        all.bytes / (PACKING_BYTES / 2) + 2,
           "too many packs");
    return packs;
}

/* ---- one packing ---- */

static size_t rows_of(const struct history *h, int64_t number)
{
    size_t n = 0;

    for (size_t i = 0; i < h->s.n; i++)
        n += h->s.row[i].pack == number && h->s.row[i].deflate > 0;
    return n;
}

/* A reader with the summary as it was still finds in a pack what that names. */
static void check_kept(struct history *h, const struct planned_pack *p)
{
    size_t kept = 0;

    if (p->number == PACK_NONE)
        return;
    for (size_t i = 0; i < p->n; i++)
        kept += p->row[i]->pack == p->number;
    expect(h, kept == rows_of(h, p->number), "a trip left its pack");
}

static size_t sources_of(const struct planned_pack *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++) {
        size_t k = 0;

        while (k < i && p->row[k]->pack != p->row[i]->pack)
            k++;
        n += k == i && p->row[i]->pack != PACK_NONE;
    }
    return n;
}

static void check_pack(struct history *h, const struct planned_pack *p)
{
    size_t bytes = 0;

    for (size_t i = 0; i < p->n; i++) {
        bytes += (size_t)p->row[i]->deflate;
        expect(h, i == 0 || p->row[i - 1]->end_ms <= p->row[i]->end_ms,
               "not by end time");
    }
    expect(h, bytes == p->bytes, "other bytes than it says");
    expect(h, p->n > 0 && p->n <= PACKING_TRIPS, "too many trips in a pack");
    expect(h, bytes <= PACKING_BYTES, "too many bytes in a pack");
    expect(h, p->number >= PACK_NONE, "no number");
    check_kept(h, p);
}

static int64_t unused_number(const struct history *h)
{
    int64_t number = 1;

    while (rows_of(h, number))
        number++;
    return number;
}

/* True if no row was in it yet; each is now. */
static bool put_in_pack(struct history *h, struct planned_pack *p)
{
    bool all = true;

    if (p->number == PACK_NONE)
        p->number = unused_number(h);
    for (size_t i = 0; i < p->n; i++) {
        all &= p->row[i]->size == 0;
        p->row[i]->size = 1;
        p->row[i]->pack = p->number;
    }
    return all;
}

/* Its loose trips are at hand; packs are fetched, each with one call. */
static void do_packing(struct history *h)
{
    struct packing_plan plan;
    bool listed = false;

    arena_reset(h->scratch);
    packing_plan(&h->s, h->scratch, &plan);
    for (size_t i = 0; i < h->s.n; i++)
        h->s.row[i].size = 0; /* here: whether this packing had it */
    for (size_t i = 0; i < plan.n; i++) {
        check_pack(h, &plan.pack[i]);
        h->calls += sources_of(&plan.pack[i]) + 1;
        listed |= plan.pack[i].number == PACK_NONE;
    }
    for (size_t i = 0; i < plan.n; i++)
        expect(h, put_in_pack(h, &plan.pack[i]), "a trip in two packs");
    h->calls += 1 + listed; /* the summary; what numbers are free */
    h->packings++;
    (void)check_packed(h);
}

/* ---- histories ---- */

static void set_text(struct summary_row *row, int64_t deflate)
{
    row->pack = PACK_NONE;
    row->deflate = deflate;
}

/* As packing_later() decides. */
static void after_finalize(struct history *h)
{
    size_t loose = packing_loose(&h->s);

    h->finalizes++;
    if (loose && loose % PACKING_DUE == 0)
        do_packing(h);
}

static void finalize(struct history *h, int64_t end_ms, int64_t deflate)
{
    struct summary_row *row = &h->s.row[h->s.n];

    assert(h->s.n < TRIPS_MAX);
    row->trip_id = arena_printf(h->a, "trip_%zu", h->s.n++);
    row->end_ms = end_ms;
    set_text(row, deflate);
    after_finalize(h);
}

static void finalize_again(struct history *h, int64_t deflate)
{
    set_text(&h->s.row[below(h->s.n)], deflate);
    after_finalize(h);
}

/* Readers notice, and pack what has become loose. */
static void lose_a_pack(struct history *h)
{
    int64_t number = h->s.row[below(h->s.n)].pack;

    for (size_t i = 0; i < h->s.n; i++)
        if (h->s.row[i].pack == number)
            h->s.row[i].pack = PACK_NONE;
    if (packing_loose(&h->s) >= PACKING_DUE)
        do_packing(h);
}

static void in_order(size_t trips, size_t most)
{
    struct history h = history_new();
    struct tally all = {.n = 0};
    size_t packs;

    for (size_t i = 0; i < trips; i++)
        finalize(&h, (int64_t)i, 4000 + (int64_t)below(8000));
    packs = count_packs(&h, &all);
    tap_note("%zu trips: %zu packs, %zu loose", trips, packs, h.s.n - all.n);
    CHECK(h.right);
    CHECK(packs <= most && h.s.n - all.n < PACKING_DUE);
    CHECK(packs <= trips / (PACKING_TRIPS / 2) + 2);
    history_free(&h);
}

static void first_read(void)
{
    struct history h = history_new();
    size_t packs;

    for (h.s.n = 0; h.s.n < TRIPS_MAX; h.s.n++) {
        h.s.row[h.s.n].trip_id = STR_LIT("t");
        h.s.row[h.s.n].end_ms = (int64_t)below(1000000);
        set_text(&h.s.row[h.s.n], 7000);
    }
    CHECK(packing_loose(&h.s) == TRIPS_MAX);
    do_packing(&h);
    packs = check_packed(&h);
    CHECK(h.right && packs == (TRIPS_MAX + PACKING_TRIPS - 1) / PACKING_TRIPS);
    history_free(&h);
}

static void cost_in_order(void)
{
    struct history h = history_new();
    double per_finalize;

    for (size_t i = 0; i < TRIPS_MAX; i++)
        finalize(&h, (int64_t)i, 4000);
    per_finalize = (double)h.calls / (double)h.finalizes;
    tap_note("in order: %d + %.3f calls a finalize", FINALIZE_CALLS,
             per_finalize);
    CHECK(h.right && per_finalize <= 0.1);
    history_free(&h);
}

static int64_t any_size(void)
{
    switch (below(8)) {
    case 0:
        return PACKING_TEXT_MAX + 1 + (int64_t)below(1000000);
    case 1:
        return (int64_t)below(PACKING_TEXT_MAX) + 1;
    default:
        return (int64_t)below(8000) + 1;
    }
}

/* The costs of any history: a packing writes the summary and one pack more than
 * it takes in, and what it takes in vanishes; only new packs bring it back. */
static void any_history(size_t finalizes, uint64_t again, uint64_t lost)
{
    struct history h = history_new();
    double per_finalize;

    for (size_t i = 0; i < finalizes; i++) {
        if (h.s.n && below(100) < again)
            finalize_again(&h, any_size());
        else
            finalize(&h, (int64_t)below(1000000), any_size());
        if (below(1000) < lost)
            lose_a_pack(&h);
    }
    per_finalize = (double)h.calls / (double)h.finalizes;
    tap_note("%2d%% again, %d in 1000 lost: %.3f calls a finalize", (int)again,
             (int)lost, per_finalize);
    CHECK(h.right && h.packings > 0);
    CHECK(per_finalize <= 0.15);
    history_free(&h);
}

/* Packs that other hands left: too many, and numbers all over. */
static void strange_rows(void)
{
    struct history h = history_new();
    struct packing_plan plan;

    for (h.s.n = 0; h.s.n < 600; h.s.n++) {
        struct summary_row *row = &h.s.row[h.s.n];

        row->trip_id = STR_LIT("t");
        row->deflate = h.s.n == 0 ? -1 : h.s.n == 1 ? INT64_MAX : 100;
        row->pack = h.s.n < 300 ? 7 : h.s.n < 590 ? (int64_t)h.s.n : -9;
    }
    packing_plan(&h.s, h.scratch, &plan);
    CHECK(plan.n == 2 && plan.pack[0].n == 256 && plan.pack[1].n == 34);
    for (size_t i = 0; i < plan.n; i++)
        for (size_t k = 0; k < plan.pack[i].n; k++)
            if (plan.pack[i].row[k]->pack < 300)
                plan.n = 0;
    CHECK(plan.n == 2); /* the one of 298 is left alone */
    CHECK(packing_loose(&h.s) == 0);
    history_free(&h);
}

/* ---- on the borders ---- */

/* So many trips of one pack, of so many bytes each. */
static void add_rows(struct history *h, int64_t pack, size_t n, int64_t bytes)
{
    for (size_t i = 0; i < n; i++, h->s.n++)
        h->s.row[h->s.n] = (struct summary_row){
            .trip_id = arena_printf(h->a, "t_%06zu", h->s.n),
            .end_ms = (int64_t)h->s.n,
            .deflate = bytes,
            .pack = pack};
}

static struct packing_plan plan_of(struct history *h)
{
    struct packing_plan plan;

    packing_plan(&h->s, h->scratch, &plan);
    return plan;
}

static void just_full(void)
{
    struct history h = history_new();
    size_t n = PACKING_BYTES / (size_t)PACKING_TEXT_MAX;
    struct packing_plan plan;

    add_rows(&h, PACK_NONE, n, PACKING_TEXT_MAX);
    plan = plan_of(&h);
    CHECK(plan.n == 1 && plan.pack[0].n == n &&
          plan.pack[0].bytes == PACKING_BYTES);
    h.s.row[0].deflate--;
    add_rows(&h, PACK_NONE, 1, 2); /* a byte too many */
    CHECK(plan_of(&h).n == 2);
    history_free(&h);
}

static void what_is_packed(void)
{
    struct history h = history_new();
    struct packing_plan plan;

    add_rows(&h, PACK_HERE, 1, 100);
    add_rows(&h, PACK_NONE, 1, 0); /* its text is not known */
    add_rows(&h, PACK_NONE, 1, PACKING_TEXT_MAX + 1);
    CHECK(packing_loose(&h.s) == 0 && plan_of(&h).n == 0);
    add_rows(&h, PACK_NONE, 1, PACKING_TEXT_MAX);
    plan = plan_of(&h);
    CHECK(packing_loose(&h.s) == 1 && plan.n == 1);
    CHECK(plan.pack[0].n == 1 && plan.pack[0].number == PACK_NONE);
    history_free(&h);
}

/* The number of the pack that these two become. */
static int64_t joined(size_t n, int64_t bytes, size_t other_n,
                      int64_t other_bytes)
{
    struct history h = history_new();
    struct packing_plan plan;
    int64_t number;

    add_rows(&h, 5, n, bytes);
    add_rows(&h, 9, other_n, other_bytes);
    plan = plan_of(&h);
    number =
        plan.n == 1 && plan.pack[0].n == n + other_n ? plan.pack[0].number : -1;
    history_free(&h);
    return number;
}

/* The fuller one is gone on with, by the limit that it is nearer to. */
static void which_goes_on(void)
{
    CHECK(joined(100, 100, 50, 100) == 5 && joined(50, 100, 100, 100) == 9);
    CHECK(joined(200, 10, 10, 60000) == 5); /* 78% of the trips, 29% */
    CHECK(joined(100, 10, 30, 60000) == 9); /* 39%, 86% of the bytes */
}

static void nothing(void)
{
    struct arena *a = arena_new(0);
    struct summary none = {.n = 0};
    struct packing_plan plan;

    CHECK(packing_loose(&none) == 0);
    packing_plan(&none, a, &plan);
    CHECK(plan.n == 0);
    arena_free(&a);
}

int main(void)
{
    nothing();
    in_order(500, 4);
    in_order(5000, 30);
    first_read();
    cost_in_order();
    for (uint64_t again = 0; again <= 90; again += 30) {
        any_history(3000, again, 0);
        any_history(3000, again, 5);
    }
    strange_rows();
    just_full();
    what_is_packed();
    which_goes_on();
    return tap_end();
}

/* Texts of rows: at hand, out of packs, and from the trips' own objects. */
#include "driver/texts.h"

#include "base/gzip.h"
#include "t/unit/objects.h"

#define N 12

static struct stores stores;
static struct call call;
static struct summary_row row[N];
static struct trip_text text[N]; /* what is to be found */

static size_t packs_read, packs_gone, missing, objects_read, objects_gone;

static bool stop; /* when one pack was read */

static enum status pack_read(void *ctx, const struct pack_read *p)
{
    struct texts *t = ctx;

    for (size_t i = 0; stop && i < t->n; i++)
        t->want[i].over = true;
    packs_read++;
    packs_gone += p->st == ST_NOT_FOUND && !p->obj;
    missing += p->missing;
    return p->st == ST_NOT_FOUND || p->st == ST_OK ? ST_OK : p->st;
}

static enum status object_read(void *ctx, struct text_want *w, enum status st,
                               const struct trip_text *found)
{
    (void)ctx;
    objects_read++;
    objects_gone += st == ST_NOT_FOUND;
    if (st == ST_OK)
        w->text = *found;
    err_clear(call.err);
    return ST_OK;
}

/* Row i, its object, and the text that is in it. */
static void drive(size_t i)
{
    struct str json = arena_printf(arena, "{\"trip_id\":\"t%zu\"}", i);
    struct buf body, plain, deflate;

    buf_init(&body, BODY_MAX);
    buf_init(&plain, BODY_MAX);
    buf_init(&deflate, BODY_MAX);
    CHECK(gzip_pack(json, 6, &body, &err) == ST_OK);
    CHECK(gzip_split(buf_str(&body), &plain, &deflate, &text[i].sum, &err) ==
          ST_OK);
    text[i].deflate = arena_copy(arena, buf_str(&deflate));
    row[i] = (struct summary_row){.trip_id = arena_printf(arena, "t%zu", i),
                                  .end_ms = 1000 + (int64_t)i};
    summary_row_text(&row[i], &text[i].sum, text[i].deflate.n);
    CHECK(objects_put(store, trip_key(row[i].trip_id.p, row[i].end_ms),
                      buf_str(&body), NULL, COND_NONE, NULL, soon(),
                      &row[i].etag, &err) == ST_OK);
    buf_free(&body);
    buf_free(&plain);
    buf_free(&deflate);
}

/* The rows [from, to) name that pack, which has those up to `in`. */
static void pack(int64_t number, size_t from, size_t to, size_t in)
{
    struct pack_entry e[N];
    struct etag written;
    struct buf body;

    for (size_t i = from; i < to; i++) {
        row[i].pack = number;
        e[i - from] = (struct pack_entry){row[i].trip_id, row[i].end_ms,
                                          row[i].etag, text[i]};
    }
    buf_init(&body, BODY_MAX);
    pack_print(e, in - from, str_of(user), &body);
    CHECK(objects_put_derived(store, key_pack(arena, str_of(user), number),
                              buf_str(&body), COND_NONE, NULL, soon(), &written,
                              &err) == ST_OK);
    buf_free(&body);
}

/* How many of the first n rows have the right text then. */
static size_t gather(size_t n, size_t worth, size_t at_once)
{
    struct text_want want[N] = {{.row = NULL}};
    struct texts t = {.c = &call,
                      .want = want,
                      .n = n,
                      .pack_worth = worth,
                      .packs_at_once = at_once,
                      .pack_read = pack_read,
                      .object_read = object_read,
                      .ctx = &t};
    size_t right = 0;

    packs_read = packs_gone = missing = objects_read = objects_gone = 0;
    for (size_t i = 0; i < n; i++) {
        want[i].row = &row[i];
        if (row[i].fragment.n)
            want[i].text = text[i];
    }
    CHECK(texts_gather(&t) == ST_OK);
    CHECK(!texts_lack(&t));
    for (size_t i = 0; i < n; i++)
        right += str_eq(want[i].text.deflate, text[i].deflate) &&
                 want[i].text.sum.crc == text[i].sum.crc;
    return right;
}

static void start(void)
{
    for (size_t i = 0; i < N; i++)
        drive(i);
}

static void at_hand(void)
{
    start();
    for (size_t i = 0; i < N; i++)
        row[i].fragment = text[i].deflate;
    CHECK(gather(N, 1, 1) == N && !packs_read && !objects_read);
}

static void singly(void)
{
    start();
    CHECK(gather(N, 1, 1) == N && objects_read == N);
    pack(1, 0, 3, 3);
    CHECK(gather(3, 4, 1) == 3 && !packs_read && objects_read == 3);
    CHECK(gather(3, 3, 1) == 3 && packs_read == 1 && !objects_read);
}

/* More packs than may be in memory wait for others; none is taken apart. */
static void packs_in_turn(void)
{
    start();
    pack(1, 0, 4, 4);
    pack(2, 4, 8, 8);
    pack(3, 8, 12, 12);
    CHECK(gather(N, 4, 1) == N && packs_read == 3 && !objects_read);
    CHECK(gather(N, 4, 2) == N && packs_read == 3 && !objects_read);
    CHECK(gather(N, 4, 8) == N && packs_read == 3 && !objects_read);
    stop = true;
    CHECK(gather(N, 4, 1) == 4 && packs_read == 1);
    CHECK(gather(N, 4, 2) == 8 && packs_read == 2);
    stop = false;
}

static void what_a_pack_lacks(void)
{
    start();
    pack(1, 0, 8, 6);
    row[2].etag.z[0] ^= 1; /* another version: nobody has that one */
    CHECK(gather(8, 8, 1) == 7 && packs_read == 1 && missing == 3);
    CHECK(objects_read == 3);
}

static void what_is_gone(void)
{
    start();
    pack(1, 0, 4, 4);
    for (size_t i = 0; i < 4; i++)
        row[i].pack = 9;
    row[5].trip_id = STR_LIT("nobody");
    CHECK(gather(6, 1, 1) == 5);
    CHECK(packs_read == 1 && packs_gone == 1 && missing == 4);
    CHECK(objects_read == 6 && objects_gone == 1);
}

int main(int argc, char **argv)
{
    store_start(argc > 1 ? argv[1] : NULL);
    stores = (struct stores){.conf = &conf, .objects = store};
    call = (struct call){.stores = &stores,
                         .user_id = str_of(user),
                         .deadline = soon(),
                         .arena = arena,
                         .err = &err};
    at_hand();
    singly();
    packs_in_turn();
    what_a_pack_lacks();
    what_is_gone();
    store_end();
    return tap_end();
}

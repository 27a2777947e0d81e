/* What goes in comes out, on either side of the memory limit. */
#include "answer/pieces.h"
#include "t/unit/tap.h"

static char byte_at(size_t i)
{
    return (char)(i * 31 + (i >> 12));
}

static void round_trip(struct arena *a, size_t total, size_t step)
{
    struct pieces *p = pieces_new("/tmp", a);
    struct err err = ERR_NONE;
    char *chunk = malloc(step);
    size_t at = 0;
    bool same = true, full = true;

    while (at < total) {
        size_t n = total - at < step ? total - at : step;

        for (size_t i = 0; i < n; i++)
            chunk[i] = byte_at(at + i);
        full = full && pieces_put(p, (struct str){chunk, n}, &err) == ST_OK;
        at += n;
    }
    CHECK(full && pieces_total(p) == total);
    at = 0;
    for (int i = 0; i < pieces_count(p); i++) {
        struct str s;

        full = full && pieces_get(p, i, &s, &err) == ST_OK &&
               s.n == pieces_size(p, i) && s.n <= CACHE_PIECE_MAX;
        for (size_t k = 0; k < s.n; k++)
            same = same && s.p[k] == byte_at(at + k);
        at += s.n;
    }
    CHECK(full && same && at == total);
    free(chunk);
}

static enum status source(void *ctx, int index, size_t size, char *out,
                          struct err *err)
{
    (void)ctx;
    memset(out, 'a' + index, size);
    return index < 12 ? ST_OK : err_set(err, ST_NOT_FOUND, NULL, "gone");
}

static void fetched(struct arena *a)
{
    struct pieces *p = pieces_new("/tmp", a);
    struct err err = ERR_NONE;
    size_t size[13];
    struct str s;

    for (int i = 0; i < 13; i++)
        size[i] = CACHE_PIECE_MAX - (size_t)i;
    CHECK(pieces_fetch(p, size, 12, source, NULL, &err) == ST_OK);
    CHECK(pieces_count(p) == 12 && pieces_size(p, 11) == size[11]);
    CHECK(pieces_get(p, 11, &s, &err) == ST_OK && s.p[0] == 'l' &&
          s.p[s.n - 1] == 'l');
    CHECK(pieces_get(p, 0, &s, &err) == ST_OK && s.p[0] == 'a');
    pieces_clear(p);
    CHECK(pieces_count(p) == 0 && pieces_total(p) == 0);
    CHECK(pieces_fetch(p, size, 13, source, NULL, &err) == ST_NOT_FOUND);
}

int main(void)
{
    struct arena *a = arena_new(4096);

    round_trip(a, 0, 1);
    round_trip(a, 100, 7);
    round_trip(a, CACHE_PIECE_MAX, 4096);
    round_trip(a, 3 * CACHE_PIECE_MAX + 1, 65537);
    round_trip(a, PIECES_IN_MEMORY + 5 * CACHE_PIECE_MAX + 17, 300007);
    fetched(a);
    arena_free(&a);
    return tap_end();
}

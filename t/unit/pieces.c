/* What goes in comes out, on either side of the memory limit. */
#include "answer/pieces.h"
#include "t/unit/tap.h"

static char byte_at(size_t i)
{
    return (char)(i * 31 + (i >> 12));
}

struct check {
    size_t at;
    int parts;
    bool same, small;
};

static enum status check_part(void *to, struct str part)
{
    struct check *c = to;

    c->parts++;
    c->small = c->small && part.n <= CACHE_PIECE_MAX;
    for (size_t k = 0; k < part.n; k++)
        c->same = c->same && part.p[k] == byte_at(c->at + k);
    c->at += part.n;
    return ST_OK;
}

static void round_trip(struct arena *a, size_t total, size_t step)
{
    struct pieces *p = pieces_new("/tmp", a);
    struct check found = {.same = true, .small = true};
    struct answer_list list;
    struct err err = ERR_NONE;
    char *chunk = malloc(step);
    bool full = true;

    for (size_t at = 0; at < total;) {
        size_t n = total - at < step ? total - at : step;

        for (size_t i = 0; i < n; i++)
            chunk[i] = byte_at(at + i);
        full = full && pieces_put(p, (struct str){chunk, n}, &err) == ST_OK;
        at += n;
    }
    list = pieces_list(p);
    CHECK(full && list.length == total);
    CHECK(list.each(list.ctx, check_part, &found, &err) == ST_OK);
    CHECK(found.same && found.small && found.at == total);
    free(chunk);
}

static enum status source(void *ctx, int index, size_t size, char *out,
                          struct err *err)
{
    (void)ctx;
    memset(out, 'a' + index, size);
    return index < 12 ? ST_OK : err_set(err, ST_NOT_FOUND, NULL, "gone");
}

/* Whether part after part is the source's, in its order and sizes. */
static enum status check_source(void *to, struct str part)
{
    struct check *c = to;
    char want = (char)('a' + c->parts);

    c->same = c->same && part.n == CACHE_PIECE_MAX - (size_t)c->parts &&
              part.p[0] == want && part.p[part.n - 1] == want;
    c->parts++;
    return ST_OK;
}

static void fetched(struct arena *a)
{
    struct pieces *p = pieces_new("/tmp", a);
    struct check found = {.same = true};
    struct answer_list list;
    struct err err = ERR_NONE;
    size_t size[13];

    for (int i = 0; i < 13; i++)
        size[i] = CACHE_PIECE_MAX - (size_t)i;
    CHECK(pieces_fetch(p, size, 12, source, NULL, &err) == ST_OK);
    list = pieces_list(p);
    for (int twice = 0; twice < 2; twice++) {
        found.parts = 0;
        CHECK(list.each(list.ctx, check_source, &found, &err) == ST_OK);
        CHECK(found.same && found.parts == 12);
    }
    CHECK(pieces_fetch(pieces_new("/tmp", a), size, 13, source, NULL, &err) ==
          ST_NOT_FOUND);
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

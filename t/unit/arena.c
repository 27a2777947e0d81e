#include <stdint.h>
#include "base/arena.h"
#include "t/unit/tap.h"

static bool zeroed(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i])
            return false;
    }
    return true;
}

static void memory(void)
{
    struct arena *a = arena_new(1000);
    bool aligned = true, zero = true;
    char *one;

    for (size_t n = 0; n < 3000; n++) {
        char *p = arena_alloc(a, n);

        aligned = aligned && (uintptr_t)p % _Alignof(max_align_t) == 0;
        zero = zero && zeroed(p, n);
        memset(p, 0xff, n);
    }
    CHECK(aligned);
    CHECK(zero);
    CHECK(arena_used(a) >= 3000 * 2999 / 2);
    one = arena_alloc(a, 5000000); /* far over a block */
    CHECK(zeroed(one, 5000000));

    arena_reset(a);
    CHECK(arena_used(a) == 0);
    one = arena_alloc(a, 900);
    CHECK(zeroed(one, 900));
    CHECK(zeroed(arena_alloc_n(a, 0, 8), 0));
    arena_free(&a);
    CHECK(a == NULL);
    arena_free(&a);
}

static void text(void)
{
    struct arena *a = arena_new(0);
    char space[] = "trip";
    struct str s = arena_copy(a, str_of(space));

    space[0] = 'd';
    CHECK(str_is(s, "trip") && s.p[s.n] == '\0');
    CHECK(arena_z(a, STR_NONE)[0] == '\0');
    s = arena_printf(a, "%s_batch_%d", "t1", 12);
    CHECK(str_is(s, "t1_batch_12") && s.p[s.n] == '\0');
    s = arena_printf(a, "%0200000d", 7);
    CHECK(s.n == 200000 && s.p[199999] == '7');
    arena_free(&a);
}

static char order[16];

static void note(void *letter)
{
    strcat(order, letter);
}

static char letter_a[] = "a", letter_b[] = "b", letter_c[] = "c";

static void cleanups(void)
{
    struct arena *a = arena_new(100);
    struct arena_mark m;

    arena_defer(a, note, letter_a);
    arena_defer(a, note, letter_b);
    m = arena_mark(a);
    arena_defer(a, note, letter_c);
    arena_release(a, m);
    CHECK(strcmp(order, "c") == 0);
    arena_reset(a);
    CHECK(strcmp(order, "cba") == 0);
    arena_reset(a);
    CHECK(strcmp(order, "cba") == 0);
    arena_defer(a, note, letter_c);
    arena_free(&a);
    CHECK(strcmp(order, "cbac") == 0);
}

static void marks(void)
{
    struct arena *a = arena_new(100);
    char *kept = arena_z(a, STR_LIT("kept"));
    size_t before = arena_used(a);
    char *first = NULL;
    bool same = true;

    for (int round = 0; round < 3; round++) {
        struct arena_mark outer = arena_mark(a), inner;
        char *p = arena_alloc(a, 8);

        first = first ? first : p;
        same = same && p == first;
        inner = arena_mark(a);
        for (int i = 0; i < 10; i++)
            memset(arena_alloc(a, 40000), 0xff, 40000);
        arena_release(a, inner);
        CHECK(arena_used(a) == before + 16);
        arena_release(a, outer);
    }
    CHECK(same);
    CHECK(arena_used(a) == before);
    CHECK(strcmp(kept, "kept") == 0);
    arena_free(&a);
}

int main(void)
{
    memory();
    text();
    cleanups();
    marks();
    return tap_end();
}

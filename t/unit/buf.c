#include "base/buf.h"
#include "t/unit/tap.h"

static void appends(void)
{
    struct buf b;
    size_t cap;

    buf_init(&b, 1000000);
    CHECK(buf_ok(&b) && buf_str(&b).n == 0);
    buf_put(&b, STR_NONE);
    buf_putz(&b, "{");
    buf_printf(&b, "\"n\":%d", 12);
    buf_putc(&b, '}');
    CHECK(str_is(buf_str(&b), "{\"n\":12}"));
    for (int i = 0; i < 20000; i++)
        buf_put(&b, STR_LIT("0123456789"));
    CHECK(buf_ok(&b) && b.n == 200008);
    CHECK(memcmp(b.p + 200000, "23456789", 8) == 0);
    cap = b.cap;
    buf_reset(&b);
    CHECK(b.n == 0 && b.cap == cap);
    buf_free(&b);
    CHECK(b.p == NULL && b.n == 0 && b.max == 1000000);
    buf_putz(&b, "again");
    CHECK(str_is(buf_str(&b), "again"));
    buf_free(&b);
}

static void maximum(void)
{
    struct buf b;

    buf_init(&b, 10);
    buf_putz(&b, "01234");
    buf_printf(&b, "%s", "56789"); /* exactly full */
    CHECK(buf_ok(&b) && str_is(buf_str(&b), "0123456789"));
    buf_put(&b, STR_NONE);
    CHECK(buf_ok(&b));
    buf_putc(&b, 'x');
    CHECK(!buf_ok(&b));
    buf_reset(&b);
    CHECK(buf_ok(&b));
    buf_printf(&b, "%s", "0123456789x");
    CHECK(!buf_ok(&b) && b.n == 0);
    buf_putc(&b, 'x'); /* would fit, but the error sticks */
    CHECK(!buf_ok(&b) && b.n == 0);
    buf_free(&b);
}

static void room(void)
{
    struct buf b;
    char *p;

    buf_init(&b, 5000);
    buf_putc(&b, 'a');
    p = buf_room(&b, 4000);
    CHECK(p != NULL && b.n == 1);
    memset(p, 'b', 4000);
    buf_grown(&b, 3);
    CHECK(str_is(buf_str(&b), "abbb"));
    CHECK(buf_room(&b, 4997) == NULL && !buf_ok(&b));
    buf_free(&b);
    p = buf_room(&b, 0);
    CHECK(p != NULL && buf_ok(&b));
    buf_free(&b);
}

int main(void)
{
    appends();
    maximum();
    room();
    return tap_end();
}

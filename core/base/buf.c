#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/memory.h"

#define FIRST_CAP ((size_t)256) /* an id, an ETag, a header: one allocation */

void buf_init(struct buf *b, size_t max)
{
    assert(max < SIZE_MAX / 2); /* so that no sum below can overflow */
    *b = (struct buf){.max = max};
}

void buf_free(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->failed = false;
}

bool buf_ok(const struct buf *b)
{
    return !b->failed;
}

struct str buf_str(const struct buf *b)
{
    return (struct str){b->p, b->n};
}

void buf_put(struct buf *b, struct str s)
{
    char *p = buf_room(b, s.n);

    if (!p || !s.n)
        return;
    memcpy(p, s.p, s.n);
    b->n += s.n;
}

void buf_putz(struct buf *b, const char *z)
{
    buf_put(b, str_of(z));
}

void buf_putc(struct buf *b, char c)
{
    char *p = buf_room(b, 1);

    if (!p)
        return;
    *p = c;
    b->n++;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    int n;
    char *p;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    assert(n >= 0);
    p = buf_room(b, (size_t)n);
    if (p) {
        vsnprintf(p, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

char *buf_room(struct buf *b, size_t n)
{
    size_t cap;
    char *p;

    assert(b->n <= b->max); /* else the room would wrap */
    if (b->failed || n > b->max - b->n) {
        b->failed = true;
        return NULL;
    }
    if (b->p && n <= b->cap - b->n)
        return b->p + b->n;
    cap = b->cap ? b->cap * 2 : FIRST_CAP;
    if (cap < b->n + n)
        cap = b->n + n;
    if (cap > b->max)
        cap = b->max;
    p = realloc(b->p, cap + 1); /* one more for the NUL of buf_printf */
    memory_check(p);
    b->p = p;
    b->cap = cap;
    return p + b->n;
}

void buf_grown(struct buf *b, size_t n)
{
    assert(!b->failed && n <= b->cap - b->n);
    b->n += n;
}

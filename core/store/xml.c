#include "store/xml.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include "base/buf.h"

#define CDATA "<![CDATA["
#define CDATA_END "]]>"

enum tag_kind { TAG_END_OF_TEXT, TAG_OPEN, TAG_CLOSE, TAG_EMPTY, TAG_BAD };

struct tag {
    enum tag_kind kind;
    struct str name;
    const char *begin; /* its '<' */
};

static void text_skip(struct str *s, size_t n)
{
    s->p += n;
    s->n -= n;
}

static bool skip_past(struct str *s, const char *mark)
{
    size_t n = strlen(mark);
    const char *at = memmem(s->p, s->n, mark, n);

    if (!at)
        return false;
    text_skip(s, (size_t)(at - s->p) + n);
    return true;
}

static size_t name_length(struct str s)
{
    size_t n = 0;

    while (n < s.n && !strchr(" \t\r\n/>", s.p[n]))
        n++;
    return n;
}

/* The tag at the front of *s, which is moved behind it. */
static struct tag read_tag(struct str *s)
{
    struct tag t = {.kind = TAG_BAD, .begin = s->p};
    bool close = s->n > 1 && s->p[1] == '/';
    const char *end;

    text_skip(s, close ? 2 : 1);
    t.name.p = s->p;
    t.name.n = name_length(*s);
    end = s->n ? memchr(s->p, '>', s->n) : NULL;
    if (!end || t.name.n == 0)
        return t;
    t.kind = close ? TAG_CLOSE : end[-1] == '/' ? TAG_EMPTY : TAG_OPEN;
    text_skip(s, (size_t)(end - s->p) + 1);
    return t;
}

static struct tag next_tag(struct str *s)
{
    const char *lt;

    while (s->n && (lt = memchr(s->p, '<', s->n))) {
        text_skip(s, (size_t)(lt - s->p));
        if (str_starts(*s, STR_LIT("<!--"))) {
            if (!skip_past(s, "-->"))
                return (struct tag){.kind = TAG_BAD};
        } else if (str_starts(*s, STR_LIT("<?"))) {
            if (!skip_past(s, "?>"))
                return (struct tag){.kind = TAG_BAD};
        } else if (str_starts(*s, STR_LIT(CDATA))) {
            if (!skip_past(s, CDATA_END))
                return (struct tag){.kind = TAG_BAD};
        } else if (str_starts(*s, STR_LIT("<!"))) {
            return (struct tag){.kind = TAG_BAD};
        } else {
            return read_tag(s);
        }
    }
    return (struct tag){.kind = TAG_END_OF_TEXT};
}

struct xml_iter xml_iter(struct xml parent)
{
    return (struct xml_iter){.rest = parent.inner};
}

bool xml_next(struct xml_iter *it, struct xml *child)
{
    struct tag open = next_tag(&it->rest), t = open;
    const char *content = it->rest.p;
    int depth = 1;

    if (open.kind == TAG_EMPTY) {
        *child = (struct xml){.name = open.name};
        return true;
    }
    if (open.kind != TAG_OPEN) {
        it->bad = it->bad || open.kind != TAG_END_OF_TEXT;
        return false;
    }
    while (depth > 0) {
        t = next_tag(&it->rest);
        if (t.kind == TAG_BAD || t.kind == TAG_END_OF_TEXT) {
            it->bad = true;
            return false;
        }
        depth += t.kind == TAG_OPEN ? 1 : t.kind == TAG_CLOSE ? -1 : 0;
    }
    it->bad = !str_eq(t.name, open.name);
    child->name = open.name;
    child->inner = (struct str){content, (size_t)(t.begin - content)};
    return !it->bad;
}

bool xml_root(struct str text, const char *name, struct xml *out)
{
    struct xml_iter it = {.rest = text};

    return xml_next(&it, out) && str_is(out->name, name);
}

struct xml xml_child(struct xml parent, const char *name)
{
    struct xml_iter it = xml_iter(parent);
    struct xml child;

    while (xml_next(&it, &child))
        if (str_is(child.name, name))
            return child;
    return (struct xml){0};
}

/* ---- text ---- */

static void put_utf8(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_putc(b, (char)c);
    } else if (c < 0x800) {
        buf_putc(b, (char)(0xc0 | c >> 6));
        buf_putc(b, (char)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        buf_putc(b, (char)(0xe0 | c >> 12));
        buf_putc(b, (char)(0x80 | (c >> 6 & 63)));
        buf_putc(b, (char)(0x80 | (c & 63)));
    } else {
        buf_putc(b, (char)(0xf0 | c >> 18));
        buf_putc(b, (char)(0x80 | (c >> 12 & 63)));
        buf_putc(b, (char)(0x80 | (c >> 6 & 63)));
        buf_putc(b, (char)(0x80 | (c & 63)));
    }
}

static const struct {
    const char *name;
    char c;
} entities[] = {
    {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};

/* ref: what stands between '&' and ';'. */
static bool put_reference(struct buf *b, struct str ref)
{
    char z[12], *end;
    unsigned long c;
    bool hex = ref.n > 2 && ref.p[1] == 'x';

    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
        if (str_is(ref, entities[i].name)) {
            buf_putc(b, entities[i].c);
            return true;
        }
    if (ref.n < 2 || ref.n >= sizeof z || ref.p[0] != '#')
        return false;
    memcpy(z, ref.p, ref.n);
    z[ref.n] = '\0';
    c = strtoul(z + (hex ? 2 : 1), &end, hex ? 16 : 10);
    if (*end || c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return false;
    put_utf8(b, (uint32_t)c);
    return true;
}

/* What stands in it, without a look for references; the section is whole, for
 * next_tag has passed it. */
static void put_cdata(struct buf *b, struct str *s)
{
    const char *end;

    text_skip(s, strlen(CDATA));
    end = memmem(s->p, s->n, CDATA_END, strlen(CDATA_END));
    buf_put(b, (struct str){s->p, end ? (size_t)(end - s->p) : s->n});
    text_skip(s, end ? (size_t)(end - s->p) + strlen(CDATA_END) : s->n);
}

/* A reference or a character. */
static void text_piece(struct buf *b, struct str *s)
{
    const char *semi =
        s->p[0] == '&' ? memchr(s->p, ';', s->n < 12 ? s->n : 12) : NULL;
    size_t n = semi ? (size_t)(semi - s->p) : 0;

    if (n && put_reference(b, (struct str){s->p + 1, n - 1})) {
        text_skip(s, n + 1);
    } else {
        buf_putc(b, s->p[0]);
        text_skip(s, 1);
    }
}

struct str xml_text(struct xml e, struct arena *a)
{
    struct str s = e.inner, out;
    struct buf b;

    if (s.n == 0 ||
        (!memchr(s.p, '&', s.n) && !memmem(s.p, s.n, CDATA, strlen(CDATA))))
        return s;
    buf_init(&b, s.n); /* nothing is shorter than what it means */
    while (s.n)
        if (str_starts(s, STR_LIT(CDATA)))
            put_cdata(&b, &s);
        else
            text_piece(&b, &s);
    assert(buf_ok(&b));
    out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

struct str xml_child_text(struct xml parent, const char *name, struct arena *a)
{
    return xml_text(xml_child(parent, name), a);
}

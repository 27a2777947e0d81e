#include "base/json.h"

#include <assert.h>
#include "base/json_text.h"

static bool is_json_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && is_json_blank(*p))
        p++;
    return p;
}

struct json json_of(struct str raw)
{
    struct json v = {JSON_NUMBER, raw};

    if (raw.n == 0)
        return JSON_ABSENT;
    switch (raw.p[0]) {
    case 'n':
        v.type = JSON_NULL;
        break;
    case 'f':
        v.type = JSON_FALSE;
        break;
    case 't':
        v.type = JSON_TRUE;
        break;
    case '"':
        v.type = JSON_STRING;
        break;
    case '[':
        v.type = JSON_ARRAY;
        break;
    case '{':
        v.type = JSON_OBJECT;
        break;
    }
    return v;
}

/* ---- to the end of a value; the text is checked, so ends are there ---- */

static const char *string_end(const char *p, const char *end)
{
    for (p++;; p++) {
        p = json_plain_end(p, end);
        if (*p == '"')
            return p + 1;
        p += *p == '\\';
    }
}

/* The first bracket, brace or quote; between strings that is not far. */
static const char *mark_from(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t x = json_load(p);
        uint64_t folded = x | JSON_EACH(0x20); /* [ is {, ] is } */
        uint64_t found = json_zeros(folded ^ JSON_EACH('{')) |
                         json_zeros(folded ^ JSON_EACH('}')) |
                         json_zeros(x ^ JSON_EACH('"'));

        if (found)
            return p + json_lowest(found);
    }
    while (*p != '"' && (*p | 0x20) != '{' && (*p | 0x20) != '}')
        p++;
    return p;
}

static const char *container_end(const char *p, const char *end)
{
    int open = 0;

    for (;;) {
        p = mark_from(p, end);
        if (*p == '"') {
            p = string_end(p, end);
            continue;
        }
        open += (*p | 0x20) == '{' ? 1 : -1;
        p++;
        if (open == 0)
            return p;
    }
}

static const char *value_end(const char *p, const char *end)
{
    if (*p == '"')
        return string_end(p, end);
    if (*p == '{' || *p == '[')
        return container_end(p, end);
    while (p < end && *p != ',' && !is_json_blank(*p))
        p++;
    return p;
}

/* ---- the cursor ---- */

struct json_iter json_iter(struct json container)
{
    if (container.type != JSON_OBJECT && container.type != JSON_ARRAY)
        return (struct json_iter){NULL, NULL, false};
    return (struct json_iter){
        .p = container.raw.p + 1,
        .end = container.raw.p + container.raw.n - 1,
        .object = container.type == JSON_OBJECT,
    };
}

static struct json element_take(struct json_iter *it)
{
    const char *from = it->p;

    it->p = value_end(from, it->end);
    return json_of((struct str){from, (size_t)(it->p - from)});
}

bool json_next(struct json_iter *it, struct json *key, struct json *value)
{
    it->p = skip_blanks(it->p, it->end);
    if (it->p == it->end)
        return false;
    if (*it->p == ',')
        it->p = skip_blanks(it->p + 1, it->end);
    *key = JSON_ABSENT;
    if (it->object) {
        *key = element_take(it);
        /* What lies before the colon is blank. */
        while (*it->p++ != ':')
            continue;
        it->p = skip_blanks(it->p, it->end);
    }
    *value = element_take(it);
    return true;
}

static struct str inside_of(struct json string)
{
    return (struct str){string.raw.p + 1, string.raw.n - 2};
}

bool json_key_is(struct json key, const char *name)
{
    return key.type == JSON_STRING &&
           json_text_is(inside_of(key), str_of(name));
}

struct json json_member(struct json object, const char *name)
{
    struct json_iter it = json_iter(object);
    struct json key, value;

    while (it.object && json_next(&it, &key, &value))
        if (json_key_is(key, name))
            return value;
    return JSON_ABSENT;
}

struct str json_string(struct json v, struct arena *a)
{
    struct str s;
    char *z;

    if (v.type != JSON_STRING)
        return STR_NONE;
    s = inside_of(v);
    if (!json_escaped(s))
        return s;
    z = arena_alloc(a, s.n);
    return (struct str){z, json_unescape(s, z)};
}

size_t json_count(struct json container)
{
    struct json_iter it = json_iter(container);
    struct json key, value;
    size_t n = 0;

    while (json_next(&it, &key, &value))
        n++;
    return n;
}

/* ---- compact ---- */

/* Inside of a string or not. */
static bool has_blank(const char *p, const char *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t x = json_load(p);

        if ((x - JSON_EACH(0x21)) & ~x & JSON_EACH(0x80)) /* any below 0x21 */
            return true;
    }
    while (p < end && !is_json_blank(*p))
        p++;
    return p < end;
}

struct str json_compact(struct str checked, struct buf *out)
{
    size_t start = out->n, from = 0;
    bool quoted = false;

    if (!has_blank(checked.p, checked.p + checked.n)) { /* as clients send it */
        buf_put(out, checked);
        return buf_ok(out) ? (struct str){out->p + start, checked.n} : STR_NONE;
    }
    for (size_t i = 0; i < checked.n; i++) {
        char c = checked.p[i];

        if (quoted && c == '\\') {
            assert(i + 1 < checked.n);
            i++; /* `\"` ends no string */
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && is_json_blank(c)) {
            buf_put(out, (struct str){checked.p + from, i - from});
            from = i + 1;
        }
    }
    assert(!quoted && from <= checked.n);
    buf_put(out, (struct str){checked.p + from, checked.n - from});
    if (!buf_ok(out))
        return STR_NONE;
    return (struct str){out->p + start, out->n - start};
}

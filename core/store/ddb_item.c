#include "store/ddb_item.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/isotime.h"

#define TEXT_MAX (4 * 1024 * 1024)

/* ---- writing ---- */

static void put_typed(struct json_out *o, const char *key, const char *type,
                      struct str v)
{
    json_begin_object(o, key);
    json_put_str(o, type, v);
    json_end_object(o);
}

void ddb_put_s(struct json_out *o, const char *key, struct str v)
{
    put_typed(o, key, "S", v);
}

void ddb_put_n(struct json_out *o, const char *key, int64_t v)
{
    char z[24];

    snprintf(z, sizeof z, "%" PRId64, v);
    put_typed(o, key, "N", str_of(z));
}

void ddb_put_time(struct json_out *o, const char *key, int64_t us)
{
    char z[TIME_TEXT_MAX];

    if (us != TIME_NONE)
        put_typed(o, key, "S", time_print(us, z));
}

/* A member's name is copied as it stands, escapes and all. */
static void attribute_member(struct json_out *o, struct json key)
{
    if (o->comma)
        buf_putc(o->b, ',');
    buf_put(o->b, key.raw);
    buf_putc(o->b, ':');
    o->comma = false;
}

static void attribute_value(struct json_out *o, struct json v);

static void put_children(struct json_out *o, struct json v)
{
    struct json_iter it = json_iter(v);
    struct json key, child;

    while (json_next(&it, &key, &child)) {
        if (v.type == JSON_OBJECT)
            attribute_member(o, key);
        attribute_value(o, child);
    }
}

static void attribute_value(struct json_out *o, struct json v)
{
    json_begin_object(o, NULL);
    switch (v.type) {
    case JSON_NONE:
    case JSON_NULL:
        json_put_bool(o, "NULL", true);
        break;
    case JSON_FALSE:
    case JSON_TRUE:
        json_put_bool(o, "BOOL", v.type == JSON_TRUE);
        break;
    case JSON_NUMBER:
        json_put_str(o, "N", v.raw);
        break;
    case JSON_STRING:
        json_put_raw(o, "S", v.raw);
        break;
    case JSON_ARRAY:
        json_begin_array(o, "L");
        put_children(o, v);
        json_end_array(o);
        break;
    case JSON_OBJECT:
        json_begin_object(o, "M");
        put_children(o, v);
        json_end_object(o);
        break;
    }
    json_end_object(o);
}

void ddb_put_json(struct json_out *o, const char *key, struct json v)
{
    char quoted[64];
    int n = snprintf(quoted, sizeof quoted, "\"%s\"", key);

    ddb_put_member(o, (struct json){JSON_STRING, {quoted, (size_t)n}}, v);
}

void ddb_put_member(struct json_out *o, struct json key, struct json v)
{
    attribute_member(o, key);
    attribute_value(o, v);
}

/* ---- reading ---- */

/* The one member of an attribute value: its type and its content. */
static bool attribute_typed(struct json attribute, struct json *type,
                            struct json *v)
{
    struct json_iter it = json_iter(attribute);

    return attribute.type == JSON_OBJECT && json_next(&it, type, v);
}

static bool valid_number(struct json v)
{
    struct json number;

    if (v.type != JSON_STRING || v.raw.n < 2)
        return false;
    return json_check((struct str){v.raw.p + 1, v.raw.n - 2}, 1, &number,
                      NULL) == ST_OK &&
           number.type == JSON_NUMBER && json_decimal_fits(number);
}

static bool valid_children(struct json v, bool (*valid)(struct json child))
{
    struct json_iter it = json_iter(v);
    struct json key, child;

    while (json_next(&it, &key, &child))
        if (!valid(child))
            return false;
    return true;
}

static bool valid_string(struct json v)
{
    return v.type == JSON_STRING;
}

/* Depth is bounded: json_check has refused what nests deeper. */
bool ddb_valid(struct json attribute)
{
    struct json_iter it = json_iter(attribute);
    struct json type, v, more;

    if (attribute.type != JSON_OBJECT || !json_next(&it, &type, &v) ||
        json_next(&it, &more, &more))
        return false;
    if (json_key_is(type, "S") || json_key_is(type, "B"))
        return v.type == JSON_STRING;
    if (json_key_is(type, "N"))
        return valid_number(v);
    if (json_key_is(type, "BOOL"))
        return v.type == JSON_TRUE || v.type == JSON_FALSE;
    if (json_key_is(type, "NULL"))
        return v.type == JSON_TRUE;
    if (json_key_is(type, "M"))
        return v.type == JSON_OBJECT && valid_children(v, ddb_valid);
    if (json_key_is(type, "L"))
        return v.type == JSON_ARRAY && valid_children(v, ddb_valid);
    if (json_key_is(type, "SS") || json_key_is(type, "BS"))
        return v.type == JSON_ARRAY && json_count(v) &&
               valid_children(v, valid_string);
    return json_key_is(type, "NS") && v.type == JSON_ARRAY && json_count(v) &&
           valid_children(v, valid_number);
}

bool ddb_is(struct json item, const char *name, const char *type,
            struct json *out)
{
    struct json key;

    return attribute_typed(json_member(item, name), &key, out) &&
           json_key_is(key, type);
}

struct str ddb_str(struct json item, const char *name, struct arena *a)
{
    struct json v;

    if (ddb_is(item, name, "S", &v) || ddb_is(item, name, "N", &v))
        return json_string(v, a);
    return STR_NONE;
}

static struct str text_unquoted(struct json v)
{
    return v.type == JSON_STRING && v.raw.n >= 2
               ? (struct str){v.raw.p + 1, v.raw.n - 2}
               : STR_NONE;
}

bool ddb_double(struct json item, const char *name, double *out)
{
    struct json v;

    /* Digits are never escaped, so the quotes are all there is to take off. */
    return (ddb_is(item, name, "N", &v) || ddb_is(item, name, "S", &v)) &&
           str_to_double(text_unquoted(v), out);
}

bool ddb_int(struct json item, const char *name, int64_t *out)
{
    double d;

    if (!ddb_double(item, name, &d) || d != floor(d) || fabs(d) > 0x1p53)
        return false;
    *out = (int64_t)d;
    return true;
}

int64_t ddb_time(struct json item, const char *name, struct arena *a)
{
    int64_t us;

    return time_parse(ddb_str(item, name, a), &us) ? us : TIME_NONE;
}

size_t ddb_list_count(struct json item, const char *name)
{
    struct json v;

    return ddb_is(item, name, "L", &v) ? json_count(v) : 0;
}

/* ---- sizes ---- */

/* UTF-8 bytes of a JSON string, without unescaping it. */
static int64_t text_size(struct json v)
{
    struct str s = text_unquoted(v);
    char digits[5] = "";
    int64_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned long c;

        n++;
        if (s.p[i] != '\\')
            continue;
        i++;
        if (s.p[i] != 'u')
            continue;
        /* Two bytes from \u0080 on, three from \u0800 on; half a pair two. */
        memcpy(digits, s.p + i + 1, 4);
        c = strtoul(digits, NULL, 16);
        n += c < 0x80 ? 0 : c < 0x800 || (c & 0xf800) == 0xd800 ? 1 : 2;
        i += 4;
    }
    return n;
}

/* Two digits a byte, and one for the exponent. */
static int64_t number_size(struct json v)
{
    struct str s = text_unquoted(v);
    int64_t digits = 0;

    for (size_t i = 0; i < s.n && s.p[i] != 'e' && s.p[i] != 'E'; i++)
        if (s.p[i] >= '0' && s.p[i] <= '9')
            digits += digits > 0 || s.p[i] != '0';
    return (digits + 1) / 2 + 1;
}

static int64_t attribute_size(struct json attribute);

static int64_t members_size(struct json v, int64_t each,
                            int64_t (*size)(struct json child))
{
    struct json_iter it = json_iter(v);
    struct json key, child;
    int64_t n = 0;

    while (json_next(&it, &key, &child))
        n += each + text_size(key) + size(child);
    return n;
}

/* Depth is bounded: json_check has refused what nests deeper. */
static int64_t attribute_size(struct json attribute)
{
    struct json type, v;

    if (!attribute_typed(attribute, &type, &v))
        return 0;
    if (json_key_is(type, "S"))
        return text_size(v);
    if (json_key_is(type, "N"))
        return number_size(v);
    if (json_key_is(type, "B"))
        return text_size(v) / 4 * 3;
    if (json_key_is(type, "SS") || json_key_is(type, "BS"))
        return members_size(v, 0, text_size);
    if (json_key_is(type, "NS"))
        return members_size(v, 0, number_size);
    if (json_key_is(type, "L") || json_key_is(type, "M"))
        return 3 + members_size(v, 1, attribute_size);
    return 1; /* BOOL, NULL */
}

int64_t ddb_item_size(struct json item)
{
    return members_size(item, 0, attribute_size);
}

/* ---- back to plain JSON ---- */

static enum status attribute_corrupt(struct json v, struct err *err)
{
    return err_set(err, ST_CORRUPT, NULL,
                   "an attribute that is no JSON value: %.*s",
                   v.raw.n > 80 ? 80 : (int)v.raw.n, v.raw.p);
}

static enum status attribute_number(struct json v, struct buf *out,
                                    struct err *err)
{
    struct str text = text_unquoted(v);
    struct json number;

    if (json_check(text, 1, &number, NULL) != ST_OK ||
        number.type != JSON_NUMBER)
        return attribute_corrupt(v, err);
    buf_put(out, number.raw); /* without blanks around it */
    return ST_OK;
}

static enum status put_container(struct json v, char open, char close,
                                 struct buf *out, struct err *err)
{
    struct json_iter it = json_iter(v);
    struct json key, child;
    enum status st = ST_OK;
    const char *comma = "";

    buf_putc(out, open);
    while (st == ST_OK && json_next(&it, &key, &child)) {
        buf_putz(out, comma);
        comma = ",";
        if (v.type == JSON_OBJECT) {
            buf_put(out, key.raw);
            buf_putc(out, ':');
        }
        st = ddb_to_json(child, out, err);
    }
    buf_putc(out, close);
    return st;
}

static enum status put_set(struct json v, bool numbers, struct buf *out,
                           struct err *err)
{
    struct json_iter it = json_iter(v);
    struct json key, child;
    enum status st = ST_OK;
    const char *comma = "";

    buf_putc(out, '[');
    while (st == ST_OK && json_next(&it, &key, &child)) {
        buf_putz(out, comma);
        comma = ",";
        if (numbers)
            st = attribute_number(child, out, err);
        else
            buf_put(out, child.raw);
    }
    buf_putc(out, ']');
    return st;
}

enum status ddb_to_json(struct json attribute, struct buf *out, struct err *err)
{
    struct json type, v;

    if (!attribute_typed(attribute, &type, &v))
        return attribute_corrupt(attribute, err);
    if (json_key_is(type, "L") && v.type == JSON_ARRAY)
        return put_container(v, '[', ']', out, err);
    if (json_key_is(type, "M") && v.type == JSON_OBJECT)
        return put_container(v, '{', '}', out, err);
    if (json_key_is(type, "N"))
        return attribute_number(v, out, err);
    if ((json_key_is(type, "NS") || json_key_is(type, "SS")) &&
        v.type == JSON_ARRAY)
        return put_set(v, json_key_is(type, "NS"), out, err);
    if (json_key_is(type, "NULL"))
        buf_putz(out, "null");
    else if ((json_key_is(type, "S") && v.type == JSON_STRING) ||
             json_key_is(type, "BOOL"))
        buf_put(out, v.raw);
    else
        return attribute_corrupt(attribute, err);
    return ST_OK;
}

struct str ddb_json_text(struct json item, const char *name, struct arena *a,
                         struct err *err)
{
    struct json attribute = json_member(item, name);
    struct str out = STR_NONE;
    enum status st;
    struct buf b;

    if (attribute.type == JSON_NONE)
        return STR_NONE;
    buf_init(&b, TEXT_MAX);
    st = ddb_to_json(attribute, &b, err);
    if (st == ST_OK && !buf_ok(&b))
        st = err_set(err, ST_CORRUPT, NULL, "attribute %s is over %d bytes",
                     name, TEXT_MAX);
    if (st == ST_OK)
        out = arena_copy(a, buf_str(&b));
    buf_free(&b);
    return out;
}

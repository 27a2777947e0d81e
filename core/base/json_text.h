/* json_text.h - the characters inside JSON strings; for the json_*.c files. */
#ifndef DG_BASE_JSON_TEXT_H
#define DG_BASE_JSON_TEXT_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/str.h"

/*
 * Eight bytes at once. The masks below have the high bit of a byte set where
 * something was found; above the lowest such byte they may be wrong, because
 * the subtraction borrows, but only the lowest one is asked for.
 */
#define JSON_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t json_load(const char *p)
{
    uint64_t x;

    memcpy(&x, p, sizeof x);
    return le64toh(x);
}

static inline uint64_t json_zeros(uint64_t x)
{
    return (x - JSON_EACH(1)) & ~x & JSON_EACH(0x80);
}

static inline int json_lowest(uint64_t mask)
{
    return __builtin_ctzll(mask) / 8;
}

static inline bool json_is_plain(char c)
{
    return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

static inline const char *json_plain_end(const char *p, const char *end)
/*
    The first byte from p on that is not simply itself in a string (a quote, a
    backslash, a control byte, a byte over 0x7f), or end.
 */
{
    for (; end - p >= 8; p += 8) {
        uint64_t x = json_load(p);
        uint64_t found = (((x - JSON_EACH(0x20)) | x) & JSON_EACH(0x80)) |
                         json_zeros(x ^ JSON_EACH('"')) |
                         json_zeros(x ^ JSON_EACH('\\'));

        if (found)
            return p + json_lowest(found);
    }
    while (p < end && json_is_plain(*p))
        p++;
    return p;
}

size_t utf8_length(const char *p, const char *end);
/*
    Bytes of the well-formed character at p (1 to 4): no overlong form, no
    surrogate, nothing above U+10FFFF. 0 when there is none.
 */

size_t utf8_put(uint32_t code, char out[4]);
/*
    Bytes written.
 */

int json_hex4(const char *p, const char *end);
/*
    The value of the four hexadecimal digits at p, -1 when they are not four.
 */

/* The following take the inside of a checked string, without its quotes. */

size_t json_char(const char **p, char out[4]);
/*
    Takes one character or one escape (a surrogate pair is one) and gives it
    as UTF-8; returns its bytes.
 */

static inline bool json_escaped(struct str inside)
{
    return inside.n && memchr(inside.p, '\\', inside.n);
}

size_t json_unescape(struct str inside, char *out);
/*
    out needs inside.n bytes: unescaped text is never longer.
 */

bool json_text_is(struct str inside, struct str plain);
bool json_text_eq(struct str a, struct str b);
/*
    Compare what the text means: with a plain text, with another inside.
 */

#endif

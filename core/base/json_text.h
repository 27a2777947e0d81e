/* json_text.h - the characters inside JSON strings; for the json_*.c files. */
#ifndef DG_BASE_JSON_TEXT_H
#define DG_BASE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/str.h"

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

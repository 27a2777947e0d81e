#include "base/shown.h"

#define CUT "..."

static bool is_control(unsigned char c)
{
    return c < ' ' || c == 0x7f;
}

/* A terminal must not obey what somebody wrote into a table; in UTF-8, U+0080
 * to U+009F are such orders, too. */
static char shown_byte(struct str text, size_t i)
{
    unsigned char before = i ? (unsigned char)text.p[i - 1] : 0;
    unsigned char c = (unsigned char)text.p[i];
    unsigned char next = i + 1 < text.n ? (unsigned char)text.p[i + 1] : 0;

    if (is_control(c) || (c == 0xc2 && next >= 0x80 && next < 0xa0) ||
        (before == 0xc2 && c >= 0x80 && c < 0xa0))
        return '?';
    return text.p[i];
}

struct shown shown_of(struct str text)
{
    struct shown t = {{'\0'}};
    const size_t room = sizeof t.z - sizeof CUT;
    size_t n = text.n < room ? text.n : room;

    while (n < text.n && n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--; /* no half of a character */
    for (size_t i = 0; i < n; i++)
        t.z[i] = shown_byte(text, i);
    if (n < text.n)
        memcpy(t.z + n, CUT, sizeof CUT);
    return t;
}

#include "answer/negotiate.h"

#include <strings.h>

/* Quality values are counted in thousandths, as many places as they have. */
#define Q_ONE 1000
#define Q_UNSAID (-1)

/* Cuts the list at the next separator; quotes are no business of codings. */
static struct str cut_item(struct str *rest, char separator)
{
    const char *at = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
    struct str part = {rest->p, at ? (size_t)(at - rest->p) : rest->n};

    rest->p += part.n + (at != NULL);
    rest->n -= part.n + (at != NULL);
    return str_trim(part);
}

static bool same_word(struct str s, const char *word)
{
    return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* "0", "0.5", "1.000"; Q_UNSAID for anything else. */
static int read_quality(struct str s)
{
    int q, place = Q_ONE;

    if (!s.n || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1') ||
        (s.n > 1 && s.p[1] != '.'))
        return Q_UNSAID;
    q = (s.p[0] - '0') * Q_ONE;
    for (size_t i = 2; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return Q_UNSAID;
        place /= 10;
        q += (s.p[i] - '0') * place;
    }
    return q <= Q_ONE ? q : Q_UNSAID;
}

/* `gzip ; q=0.5`: the name, and how much it is wanted. */
static int read_coding(struct str item, struct str *name)
{
    int q = Q_ONE;

    *name = cut_item(&item, ';');
    while (item.n) {
        struct str param = cut_item(&item, ';');
        struct str key = cut_item(&param, '=');

        if (same_word(key, "q"))
            q = read_quality(param);
    }
    return q;
}

enum coding coding_accepted(struct str header)
{
    int plain = Q_UNSAID, gzip = Q_UNSAID, other = Q_UNSAID;

    while (header.n) {
        struct str name, item = cut_item(&header, ',');
        int q = read_coding(item, &name);

        if (q == Q_UNSAID)
            continue;
        if (same_word(name, "gzip") || same_word(name, "x-gzip"))
            gzip = q;
        else if (same_word(name, "identity"))
            plain = q;
        else if (same_word(name, "*"))
            other = q;
    }
    /* Not named is refused: older clients that say nothing read no gzip. */
    if (gzip == Q_UNSAID)
        gzip = other == Q_UNSAID ? 0 : other;
    /* Identity is good enough unless it is refused. */
    if (plain == Q_UNSAID)
        plain = other == 0 ? 0 : 1;
    /* Between equals the one that is fewer bytes on the line. */
    if (gzip > 0 && gzip >= plain)
        return CODING_GZIP;
    return plain > 0 ? CODING_PLAIN : CODING_NONE;
}

static struct str opaque_tag(struct str tag)
{
    if (str_starts(tag, STR_LIT("W/")))
        tag = (struct str){tag.p + 2, tag.n - 2};
    return tag;
}

/* The next `"..."` or `W/"..."`, which may hold commas; STR_NONE at the end. */
static struct str next_etag(struct str *rest)
{
    const char *open = rest->n ? memchr(rest->p, '"', rest->n) : NULL;
    size_t left = open ? rest->n - (size_t)(open - rest->p) - 1 : 0;
    const char *close = left ? memchr(open + 1, '"', left) : NULL;
    struct str tag;

    if (!close)
        return STR_NONE;
    tag = (struct str){open, (size_t)(close - open) + 1};
    rest->n = left - (tag.n - 1);
    rest->p = close + 1;
    return tag;
}

bool etag_listed(struct str header, struct str etag)
{
    struct str rest = str_trim(header), tag;

    if (str_is(rest, "*"))
        return true;
    while ((tag = next_etag(&rest)).n)
        if (str_eq(tag, opaque_tag(etag)))
            return true;
    return false;
}

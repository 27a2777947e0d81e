#include "store/cache_redis_entry.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "base/gzip_join.h"
#include "base/random.h"

/* As random_hex writes. What is in Redis anybody may have put there, and it
 * becomes part of keys. */
bool redis_is_random(struct str s)
{
    if (s.n != RANDOM_HEX)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= '0' && s.p[i] <= '9') &&
            !(s.p[i] >= 'a' && s.p[i] <= 'f'))
            return false;
    return true;
}

static bool entry_line(struct str *rest, struct str *line)
{
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;

    if (!end)
        return false;
    *line = (struct str){rest->p, (size_t)(end - rest->p)};
    rest->n -= line->n + 1;
    rest->p = end + 1;
    return true;
}

static bool is_alnum(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]))
            return false;
    return true;
}

/* The word behind a blank, at the end of a line. */
static bool entry_user(struct str *line, struct str *user)
{
    const char *blank = line->n ? memchr(line->p, ' ', line->n) : NULL;
    size_t n = blank ? (size_t)(blank - line->p) : line->n;

    if (n + 1 >= line->n)
        return false;
    *user = (struct str){blank + 1, line->n - n - 1};
    line->n = n;
    return user->n <= CACHE_USER_MAX && /* it goes into entries of ours */
           is_alnum(*user);
}

#define CRC_HEX 8
/* A token, a fill, a time, a user. */
#define ENTRY_LINES_MAX (CACHE_TOKEN_MAX + CACHE_FILL_ID + CACHE_USER_MAX + 32)

/* "CRC REST": whether REST is what was written. */
static bool take_crc(struct str *text)
{
    struct str rest;
    char hex[CRC_HEX + 1];

    if (text->n <= CRC_HEX || text->p[CRC_HEX] != ' ')
        return false;
    rest = (struct str){text->p + CRC_HEX + 1, text->n - CRC_HEX - 1};
    snprintf(hex, sizeof hex, "%08x", (unsigned)gzip_sum_of(rest).crc);
    if (memcmp(hex, text->p, CRC_HEX) != 0)
        return false;
    *text = rest;
    return true;
}

/*
 * Redis lets entries expire; the age is checked again, because neither its
 * clock nor the filler's is ours. False: what is there is no entry. One of
 * another token is, and so is one that is too old.
 */
bool redis_entry_read(struct str text, const struct redis_ages *ages,
                      struct cache_entry *out)
{
    struct str token, fill, began;
    int64_t age_ms;

    if (!take_crc(&text) || !entry_line(&text, &token))
        return false;
    if (!str_is(token, out->token.z))
        return true;
    if (!entry_line(&text, &fill) || !redis_is_random(fill) ||
        !entry_line(&text, &began) || !entry_user(&began, &out->user) ||
        !str_to_i64(began, &out->read_began_ms))
        return false;
    age_ms = clock_wall_us() / 1000 - out->read_began_ms;
    if (age_ms >= ages->ttl_ms + ages->stale_ms)
        return true;
    memcpy(out->token.fill, fill.p, fill.n);
    out->token.fill[fill.n] = '\0';
    out->head = text;
    out->hit = age_ms < ages->ttl_ms;
    out->aged = !out->hit;
    return true;
}

/* "T USER": under the same token, about the same record. */
bool redis_seen_is(struct str seen, const struct cache_entry *e)
{
    struct str user;

    return (e->hit || e->aged) && entry_user(&seen, &user) &&
           str_is(seen, e->token.z) && str_eq(user, e->user);
}

void redis_entry_write(const struct cache_token *t, const char *fill,
                       const struct cache_fill *f, struct buf *out)
{
    struct buf text;

    buf_init(&text, f->head.n + ENTRY_LINES_MAX);
    buf_printf(&text, "%s\n%s\n%lld %.*s\n", t->z, fill,
               (long long)f->read_began_ms, STR_ARG(f->user));
    buf_put(&text, f->head);
    assert(buf_ok(&text));
    buf_printf(out, "%08x ", (unsigned)gzip_sum_of(buf_str(&text)).crc);
    buf_put(out, buf_str(&text));
    buf_free(&text);
}

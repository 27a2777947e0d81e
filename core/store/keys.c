#include "store/keys.h"

#include <assert.h>
#include <inttypes.h>

#define HEAD "users/"
#define TRIPS "/trips/"
#define PACKS "/packs/"
#define SUMMARY "/summary.json.gz"
#define TAIL ".json.gz"
#define NUMBER_MAX (INT64_C(1) << 53) /* json_int */

static bool id_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') || (c && strchr("._@+:=-", c));
}

static enum id_fault char_fault(unsigned char c)
{
    if (c == ' ')
        return ID_BLANK;
    if (c == '\'')
        return ID_APOSTROPHE;
    if (c == '/')
        return ID_SLASH;
    if (c >= 0x80)
        return ID_LETTER;
    return c < ' ' || c == 0x7f ? ID_CONTROL : ID_CHARACTER;
}

enum id_fault id_fault(struct str id)
{
    if (id.n == 0)
        return ID_EMPTY;
    if (id.p[0] == '.')
        return ID_DOT;
    for (size_t i = 0; i < id.n; i++)
        if (!id_char(id.p[i]))
            return char_fault((unsigned char)id.p[i]);
    return id.n > ID_MAX ? ID_LONG : ID_FINE;
}

bool id_valid(struct str id)
{
    return id_fault(id) == ID_FINE;
}

const char *id_fault_name(enum id_fault fault)
{
    static const char *const names[] = {[ID_FINE] = "valid",
                                        [ID_EMPTY] = "empty",
                                        [ID_LONG] = "over 128 characters",
                                        [ID_DOT] = "a leading dot",
                                        [ID_BLANK] = "a blank",
                                        [ID_APOSTROPHE] = "an apostrophe",
                                        [ID_SLASH] = "a slash",
                                        [ID_LETTER] = "a letter beyond ASCII",
                                        [ID_CONTROL] = "a control character",
                                        [ID_CHARACTER] = "another character"};

    return names[fault];
}

struct str key_trips_prefix(struct arena *a, struct str user_id)
{
    assert(id_valid(user_id));
    return arena_printf(a, HEAD "%.*s" TRIPS, STR_ARG(user_id));
}

struct str key_trip_prefix(struct arena *a, struct str user_id,
                           struct str trip_id)
{
    assert(id_valid(user_id) && id_valid(trip_id));
    return arena_printf(a, HEAD "%.*s" TRIPS "%.*s_", STR_ARG(user_id),
                        STR_ARG(trip_id));
}

struct str key_trip(struct arena *a, struct str user_id, struct str trip_id,
                    int64_t end_ms)
{
    assert(id_valid(user_id) && id_valid(trip_id));
    return arena_printf(a, HEAD "%.*s" TRIPS "%.*s_%" PRId64 TAIL,
                        STR_ARG(user_id), STR_ARG(trip_id), end_ms);
}

struct str key_summary(struct arena *a, struct str user_id)
{
    assert(id_valid(user_id));
    return arena_printf(a, HEAD "%.*s" SUMMARY, STR_ARG(user_id));
}

struct str key_packs_prefix(struct arena *a, struct str user_id)
{
    assert(id_valid(user_id));
    return arena_printf(a, HEAD "%.*s" PACKS, STR_ARG(user_id));
}

struct str key_pack(struct arena *a, struct str user_id, int64_t number)
{
    assert(id_valid(user_id) && number > 0);
    return arena_printf(a, HEAD "%.*s" PACKS "%" PRId64 TAIL, STR_ARG(user_id),
                        number);
}

struct str key_installation(void)
{
    return STR_LIT("installation.json");
}

bool key_is_installation(struct str key)
{
    return str_eq(key, key_installation());
}

static struct str without_front(struct str s, size_t n)
{
    return (struct str){s.p + n, s.n - n};
}

struct str key_driver(struct str key)
{
    const struct str head = STR_LIT(HEAD);
    struct str id = STR_NONE;
    const char *slash;

    if (!str_starts(key, head))
        return STR_NONE;
    id = without_front(key, head.n);
    slash = id.n ? memchr(id.p, '/', id.n) : NULL;
    if (!slash)
        return STR_NONE;
    id.n = (size_t)(slash - id.p);
    return id_valid(id) ? id : STR_NONE;
}

bool key_is_summary(struct str key)
{
    struct str user_id = key_driver(key);

    return user_id.n &&
           str_is(without_front(key, sizeof HEAD - 1 + user_id.n), SUMMARY);
}

/*
    Only the text that is printed for it: else one object had two keys.
 */
static bool parse_number(struct str s, int64_t *out)
{
    size_t minus = s.n && s.p[0] == '-';

    return (s.n == 1 || s.p[minus] != '0') && str_to_i64(s, out) &&
           *out <= NUMBER_MAX && *out >= -NUMBER_MAX;
}

/* What stands between users/U + folder and the tail. */
static bool name_in(struct str key, struct str folder, struct str *user_id,
                    struct str *name)
{
    const struct str tail = STR_LIT(TAIL);

    *user_id = key_driver(key);
    if (user_id->n == 0)
        return false;
    *name = without_front(key, sizeof HEAD - 1 + user_id->n);
    if (!str_starts(*name, folder) || !str_ends(*name, tail) ||
        name->n < folder.n + tail.n)
        return false;
    *name = without_front(*name, folder.n);
    name->n -= tail.n;
    return true;
}

bool key_parse_trip(struct str key, struct str *user_id, struct str *trip_id,
                    int64_t *end_ms)
{
    struct str user, name;
    const char *mark;
    int64_t ms;

    if (!name_in(key, STR_LIT(TRIPS), &user, &name))
        return false;
    mark = name.n ? memrchr(name.p, '_', name.n) : NULL;
    if (!mark)
        return false;
    *user_id = user;
    *trip_id = (struct str){name.p, (size_t)(mark - name.p)};
    if (!id_valid(*trip_id) ||
        !parse_number(without_front(name, trip_id->n + 1), &ms))
        return false;
    *end_ms = ms;
    return true;
}

bool key_parse_pack(struct str key, struct str *user_id, int64_t *number)
{
    struct str user, name;
    int64_t n;

    if (!name_in(key, STR_LIT(PACKS), &user, &name) ||
        !parse_number(name, &n) || n < 1)
        return false;
    *user_id = user;
    *number = n;
    return true;
}

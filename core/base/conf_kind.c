#include "base/conf_kind.h"

#include <inttypes.h>
#include <sys/un.h>

#define SOCKET_PATH_MAX (sizeof((struct sockaddr_un *)NULL)->sun_path - 1)

size_t conf_value_max(const struct conf_key *k)
{
    return CONF_LINE_MAX - strlen(k->name) - strlen(" = ");
}

/* ---- texts: what is written is what the member holds ---- */

static bool value_keep(const struct conf_key *k, struct str value,
                       struct arena *a, void *member)
{
    if (value.n > conf_value_max(k))
        return false;
    *(const char **)member = arena_z(a, value);
    return true;
}

/* A blank and ; begin a comment, so this could not be printed to be read. */
static bool read_text(const struct conf_key *k, struct str value,
                      struct arena *a, void *member)
{
    return !str_starts(value, STR_LIT(";")) && value_keep(k, value, a, member);
}

static void print_text(const struct conf_key *k, const void *member,
                       struct buf *out)
{
    (void)k;
    buf_putz(out, *(const char *const *)member);
}

static void allow_text(const struct conf_key *k, struct buf *out)
{
    buf_printf(out, "a text of at most %zu bytes, not beginning with ;",
               conf_value_max(k));
}

static bool read_path(const struct conf_key *k, struct str value,
                      struct arena *a, void *member)
{
    bool none = value.n == 0 && k->dflt[0] == '\0';

    if (!none && (value.n < 2 || value.p[0] != '/'))
        return false;
    return value_keep(k, value, a, member);
}

static void allow_path(const struct conf_key *k, struct buf *out)
{
    buf_printf(out, "an absolute path of at most %zu bytes%s",
               conf_value_max(k), k->dflt[0] ? "" : ", or nothing");
}

static bool read_socket(const struct conf_key *k, struct str value,
                        struct arena *a, void *member)
{
    return value.n <= SOCKET_PATH_MAX && read_path(k, value, a, member);
}

static void allow_socket(const struct conf_key *k, struct buf *out)
{
    (void)k;
    buf_printf(out, "an absolute path of at most %zu bytes", SOCKET_PATH_MAX);
}

/* ---- words: a list "a|b|c" in the table ---- */

static bool next_word(const char **words, struct str *word)
{
    size_t n = strcspn(*words, "|");

    *word = (struct str){*words, n};
    *words += n + ((*words)[n] == '|');
    return n > 0;
}

/* A kernel refuses longer ones, and only when somebody connects. */
static bool socket_fits(struct str place)
{
    const struct str scheme = STR_LIT("unix://");
    const char *query;

    if (!str_starts(place, scheme))
        return true;
    query = memchr(place.p, '?', place.n);
    if (query)
        place.n = (size_t)(query - place.p);
    return place.n - scheme.n <= SOCKET_PATH_MAX;
}

static bool read_place(const struct conf_key *k, struct str value,
                       struct arena *a, void *member)
{
    const char *words = k->words;
    struct str word;

    if (value.n == 0)
        return k->dflt[0] == '\0' && value_keep(k, value, a, member);
    while (next_word(&words, &word)) {
        bool open = word.p[word.n - 1] == '/';

        if (open ? value.n > word.n && str_starts(value, word)
                 : str_eq(value, word))
            return socket_fits(value) && value_keep(k, value, a, member);
    }
    return false;
}

static void allow_place(const struct conf_key *k, struct buf *out)
{
    const char *words = k->words, *between = "";
    struct str word;
    bool local = false;

    while (next_word(&words, &word)) {
        bool open = word.p[word.n - 1] == '/';

        buf_printf(out, "%s%.*s%s", between, STR_ARG(word), open ? "..." : "");
        local |= str_starts(word, STR_LIT("unix://"));
        between = *words && !strchr(words, '|') ? " or " : ", ";
    }
    buf_printf(out, ", at most %zu bytes%s", conf_value_max(k),
               k->dflt[0] ? "" : ", or nothing");
    if (local)
        buf_printf(out, " (a socket's path %zu)", SOCKET_PATH_MAX);
}

static bool read_choice(const struct conf_key *k, struct str value,
                        struct arena *a, void *member)
{
    const char *words = k->words;
    struct str word;

    while (next_word(&words, &word))
        if (str_eq(value, word))
            return value_keep(k, value, a, member);
    return false;
}

static void allow_choice(const struct conf_key *k, struct buf *out)
{
    const char *words = k->words, *between = "";
    struct str word;

    while (next_word(&words, &word)) {
        buf_printf(out, "%s%.*s", between, STR_ARG(word));
        between = *words && !strchr(words, '|') ? " or " : ", ";
    }
}

static bool read_flag(const struct conf_key *k, struct str value,
                      struct arena *a, void *member)
{
    bool on = str_is(value, "on") || str_is(value, "true");

    (void)k;
    (void)a;
    if (!on && !str_is(value, "off") && !str_is(value, "false"))
        return false;
    *(bool *)member = on;
    return true;
}

static void print_flag(const struct conf_key *k, const void *member,
                       struct buf *out)
{
    (void)k;
    buf_putz(out, *(const bool *)member ? "on" : "off");
}

static void allow_flag(const struct conf_key *k, struct buf *out)
{
    (void)k;
    buf_putz(out, "on or off (or true or false)");
}

/* ---- numbers, with the units of their kind ---- */

struct unit {
    const char *word;
    int64_t factor;
};
static const struct unit plain_units[] = {{"", 1}, {NULL, 0}};
static const struct unit time_units[] = {
    {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
static const struct unit size_units[] = {
    {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}, {NULL, 0}};

static bool read_units(const struct conf_key *k, struct str value,
                       const struct unit *u, void *member)
{
    struct str digits = value;
    int64_t v;

    while (digits.n && (digits.p[digits.n - 1] | 0x20) >= 'a')
        digits.n--;
    value.p += digits.n;
    value.n -= digits.n;
    while (u->word && !str_is(value, u->word))
        u++;
    if (!u->word || !str_to_i64(digits, &v) ||
        __builtin_mul_overflow(v, u->factor, &v) || v < k->lo || v > k->hi)
        return false;
    *(int64_t *)member = v;
    return true;
}

/* In the largest unit that leaves no rest. */
static void print_units(int64_t v, const struct unit *u, struct buf *out)
{
    while (u->factor > 1 && (v == 0 || v % u->factor != 0))
        u++;
    buf_printf(out, "%" PRId64 "%s", v / u->factor, u->word);
}

static void allow_units(const struct conf_key *k, const char *what,
                        const struct unit *u, struct buf *out)
{
    buf_printf(out, "%s from ", what);
    print_units(k->lo, u, out);
    buf_putz(out, " to ");
    print_units(k->hi, u, out);
}

static bool read_count(const struct conf_key *k, struct str value,
                       struct arena *a, void *member)
{
    (void)a;
    return read_units(k, value, plain_units, member);
}

static void print_count(const struct conf_key *k, const void *member,
                        struct buf *out)
{
    (void)k;
    print_units(*(const int64_t *)member, plain_units, out);
}

static void allow_count(const struct conf_key *k, struct buf *out)
{
    allow_units(k, "a whole number", plain_units, out);
}

static bool read_ms(const struct conf_key *k, struct str value, struct arena *a,
                    void *member)
{
    (void)a;
    /* Nothing is nothing in every unit: "0 is never". */
    return read_units(k, str_is(value, "0") ? STR_LIT("0ms") : value,
                      time_units, member);
}

static void print_ms(const struct conf_key *k, const void *member,
                     struct buf *out)
{
    (void)k;
    print_units(*(const int64_t *)member, time_units, out);
}

static void allow_ms(const struct conf_key *k, struct buf *out)
{
    allow_units(k, "a time like 250ms, 25s, 5m or 2h,", time_units, out);
}

static bool read_bytes(const struct conf_key *k, struct str value,
                       struct arena *a, void *member)
{
    (void)a;
    return read_units(k, value, size_units, member);
}

static void print_bytes(const struct conf_key *k, const void *member,
                        struct buf *out)
{
    (void)k;
    print_units(*(const int64_t *)member, size_units, out);
}

static void allow_bytes(const struct conf_key *k, struct buf *out)
{
    allow_units(k, "a size like 100, 64K, 1M or 2G,", size_units, out);
}

static bool read_mode(const struct conf_key *k, struct str value,
                      struct arena *a, void *member)
{
    int64_t mode = 0;

    (void)k;
    (void)a;
    if (value.n < 3 || value.n > 4 || (value.n == 4 && value.p[0] != '0'))
        return false;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '7')
            return false;
        mode = mode * 8 + (value.p[i] - '0');
    }
    *(int64_t *)member = mode;
    return true;
}

static void print_mode(const struct conf_key *k, const void *member,
                       struct buf *out)
{
    (void)k;
    buf_printf(out, "%04" PRIo64, *(const int64_t *)member);
}

static void allow_mode(const struct conf_key *k, struct buf *out)
{
    (void)k;
    buf_putz(out, "an octal access mode like 0660, at most 0777");
}

const struct conf_kind
    conf_kind_text = {read_text, print_text, allow_text, true},
    conf_kind_path = {read_path, print_text, allow_path, true},
    conf_kind_socket = {read_socket, print_text, allow_socket, true},
    conf_kind_place = {read_place, print_text, allow_place, true},
    conf_kind_choice = {read_choice, print_text, allow_choice, true},
    conf_kind_flag = {read_flag, print_flag, allow_flag, false},
    conf_kind_count = {read_count, print_count, allow_count, false},
    conf_kind_ms = {read_ms, print_ms, allow_ms, false},
    conf_kind_bytes = {read_bytes, print_bytes, allow_bytes, false},
    conf_kind_mode = {read_mode, print_mode, allow_mode, false};

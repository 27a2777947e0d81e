/*
 * conf.c - the settings file: libinih splits it into keys, the table says
 * what they mean.
 *
 * libinih gets its lines from next_conf_line() here, because by itself it cuts
 * lines at 199 bytes (from release 59 on it refuses them), ends them at a NUL,
 * and takes an indented line for more of the value before it, all without a
 * word.
 */
#include "base/conf.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/conf_kind.h"

#define CODE "bad_config"
#define FILE_MAX (256 * 1024)

/* "3.0|3.1": the words of scoring.version. */
static const char score_versions[] =
#define SCORE_VERSION(id, name) "|" name
#include "base/score_versions.def"
#undef SCORE_VERSION
    ;
#define SCORE_VERSION_WORDS (score_versions + 1)

enum {
#define KEY(section, name, kind, dflt, lo, hi, words, help)                    \
    AT_##section##_##name,
#include "base/conf.def"
#undef KEY
    KEYS
};

static const struct conf_key keys[KEYS] = {
#define KEY(section, name, kind, dflt, lo, hi, words, help)                    \
    {#section,                                                                 \
     #name,                                                                    \
     &conf_kind_##kind,                                                        \
     offsetof(struct conf, section##_##name),                                  \
     dflt,                                                                     \
     lo,                                                                       \
     hi,                                                                       \
     words,                                                                    \
     help},
#include "base/conf.def"
#undef KEY
};

struct load {
    const char *path;
    struct str rest; /* of the file's text */
    int line;        /* the one that was taken last */
    int room;        /* of libinih's buffer; 0: not asked yet */
    int failed_line; /* 0: none yet */
    int lines[KEYS]; /* where a key stands, 0: nowhere */
    struct conf *conf;
    struct arena *arena;
    struct err *err;
};

__attribute__((format(printf, 2, 3))) static void wrong(struct load *l,
                                                        const char *fmt, ...)
{
    char text[ERR_TEXT_MAX], line[16] = "";
    va_list ap;

    if (l->failed_line)
        return;
    l->failed_line = l->line;
    if (l->line)
        snprintf(line, sizeof line, "%d:", l->line);
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_set(l->err, ST_BAD_REQUEST, CODE, "%s:%s %s", l->path, line, text);
}

/* ---- the table ---- */

static void *member_of(struct conf *c, const struct conf_key *k)
{
    return (char *)c + k->at;
}

static bool first_of_section(size_t i)
{
    return i == 0 || strcmp(keys[i].section, keys[i - 1].section) != 0;
}

static bool section_known(struct str name)
{
    for (size_t i = 0; i < KEYS; i++)
        if (str_is(name, keys[i].section))
            return true;
    return false;
}

static const char *list_sections(char *out, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < KEYS && n < room; i++)
        if (first_of_section(i))
            n += (size_t)snprintf(out + n, room - n, " [%s]", keys[i].section);
    return out;
}

static const char *list_keys(const char *section, char *out, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < KEYS && n < room; i++)
        if (strcmp(keys[i].section, section) == 0)
            n += (size_t)snprintf(out + n, room - n, " %s", keys[i].name);
    return out;
}

/* ---- lines ---- */

static bool is_conf_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* libinih says nothing of a section without keys, nor of what follows ]. */
static bool check_section(struct load *l, struct str line)
{
    const char *right = memchr(line.p, ']', line.n), *p;
    struct str name;
    char known[300];

    if (!right)
        return true; /* libinih refuses it */
    name = (struct str){line.p + 1, (size_t)(right - line.p) - 1};
    for (p = right + 1; p < line.p + line.n && is_conf_blank(*p); p++)
        continue;
    if (p < line.p + line.n && *p != ';' && *p != '#')
        wrong(l, "after a section's name the line must end");
    else if (!section_known(name))
        wrong(l, "unknown section [%.*s]; there are%s", STR_ARG(name),
              list_sections(known, sizeof known));
    return !l->failed_line;
}

static bool check_line(struct load *l, struct str line)
{
    if (line.n > CONF_LINE_MAX) {
        wrong(l, "the line has %zu bytes; at most %d are allowed", line.n,
              CONF_LINE_MAX);
        return false;
    }
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];

        if ((c < 0x20 || c == 0x7f) && !is_conf_blank((char)c)) {
            wrong(l, "byte %zu of the line is a control byte (0x%02x)", i + 1,
                  c);
            return false;
        }
    }
    return true;
}

/*
 * Whether libinih asks for a line. From release 59 on it asks once more, with a
 * smaller buffer, for the rest of a line that filled its buffer: there is none,
 * since a line is handed over whole.
 */
static bool line_wanted(struct load *l, int room)
{
    if (l->room == 0)
        l->room = room;
    if (l->room <= CONF_LINE_MAX)
        wrong(l, "this libinih takes lines of less than %d bytes",
              CONF_LINE_MAX);
    return room == l->room && !l->failed_line;
}

/* fgets for libinih; NULL, as at the end, also when something is wrong. */
static char *next_conf_line(char *out, int room, void *stream)
{
    struct load *l = stream;
    const char *end;
    struct str line;

    if (!line_wanted(l, room) || l->rest.n == 0)
        return NULL;
    end = memchr(l->rest.p, '\n', l->rest.n);
    line = (struct str){l->rest.p, end ? (size_t)(end - l->rest.p) : l->rest.n};
    l->rest.p += line.n + (end != NULL);
    l->rest.n -= line.n + (end != NULL);
    l->line++;
    if (!check_line(l, line))
        return NULL;
    line = str_trim(line);
    if (line.n && line.p[0] == '[' && !check_section(l, line))
        return NULL;
    if (line.n)
        memcpy(out, line.p, line.n); /* check_line and line_wanted bound it */
    out[line.n] = '\0';
    return out;
}

/* ---- keys ---- */

static const char *allowed(const struct conf_key *k, char *out, size_t room)
{
    struct buf b;

    buf_init(&b, room - 1);
    k->kind->allowed(k, &b);
    assert(buf_ok(&b));
    snprintf(out, room, "%.*s", STR_ARG(buf_str(&b)));
    buf_free(&b);
    return out;
}

static void set_key(struct load *l, size_t i, const char *value)
{
    const struct conf_key *k = &keys[i];
    char must[200];

    if (l->lines[i]) {
        wrong(l, "[%s] %s is set twice, first in line %d", k->section, k->name,
              l->lines[i]);
        return;
    }
    l->lines[i] = l->line;
    if (!k->kind->read(k, str_of(value), l->arena, member_of(l->conf, k)))
        wrong(l, "[%s] %s = %.120s: must be %s", k->section, k->name, value,
              allowed(k, must, sizeof must));
}

/* libinih's handler: 0 says that the line is wrong. */
static int on_key(void *user, const char *section, const char *name,
                  const char *value)
{
    struct load *l = user;
    char known[300];

    for (size_t i = 0; i < KEYS; i++)
        if (strcmp(keys[i].section, section) == 0 &&
            strcmp(keys[i].name, name) == 0) {
            set_key(l, i, value);
            return !l->failed_line;
        }
    if (section_known(str_of(section)))
        wrong(l, "unknown key %.60s; [%s] has%s", name, section,
              list_keys(section, known, sizeof known));
    else
        wrong(l, "%.60s stands before any section; there are%s", name,
              list_sections(known, sizeof known));
    return 0;
}

/* ---- rules that combine keys ---- */

static bool finalize_below_request(const struct conf *c)
{
    return c->server_finalize_timeout < c->server_request_timeout;
}

static bool status_apart(const struct conf *c)
{
    return strcmp(c->server_status_listen, c->server_listen) != 0;
}

static const struct rule {
    int at;
    bool (*holds)(const struct conf *);
    const char *must;
} rules[] = {
    {AT_server_finalize_timeout, finalize_below_request,
     "must be shorter than request_timeout"},
    {AT_server_status_listen, status_apart, "must differ from listen"},
};

static enum status check_rules(struct load *l)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const struct conf_key *k = &keys[rules[i].at];
        struct buf value;

        if (rules[i].holds(l->conf))
            continue;
        buf_init(&value, CONF_LINE_MAX);
        k->kind->print(k, member_of(l->conf, k), &value);
        /* None for a default. */
        l->line = l->lines[rules[i].at];
        wrong(l, "[%s] %s = %.*s: %s", k->section, k->name,
              STR_ARG(buf_str(&value)), rules[i].must);
        buf_free(&value);
        return ST_BAD_REQUEST;
    }
    return ST_OK;
}

/* ---- loading ---- */

const char *conf_choose(const char *given, const char *usual)
{
    bool absent =
        access(usual, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);

    return given ? given : absent ? NULL : usual;
}

static enum status read_file(const char *path, struct buf *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;

    while (fd >= 0) {
        char *room = buf_room(out, 4096);

        if (!room) {
            close(fd);
            return err_set(err, ST_BAD_REQUEST, CODE,
                           "%s: a settings file has at most %d bytes", path,
                           FILE_MAX);
        }
        n = read(fd, room, 4096);
        if (n <= 0 && !(n < 0 && errno == EINTR))
            break;
        buf_grown(out, n > 0 ? (size_t)n : 0);
    }
    if (n < 0)
        err_set(err, ST_BAD_REQUEST, CODE, "%s: cannot be read: %s", path,
                strerror(errno));
    if (fd >= 0)
        close(fd);
    return n < 0 ? ST_BAD_REQUEST : ST_OK;
}

static enum status parse(struct load *l)
{
    int line = ini_parse_stream(next_conf_line, l, on_key, l);

    if (line > 0 && (!l->failed_line || line < l->failed_line)) {
        l->line = line;
        l->failed_line = 0;
        wrong(l, "neither `key = value' nor `[section]' nor a comment");
    }
    return l->failed_line ? ST_BAD_REQUEST : ST_OK;
}

static void set_defaults(struct load *l)
{
    for (size_t i = 0; i < KEYS; i++) {
        bool ok = keys[i].kind->read(&keys[i], str_of(keys[i].dflt), l->arena,
                                     member_of(l->conf, &keys[i]));

        assert(ok);
    }
}

enum status conf_load(const char *path, struct arena *a, struct conf *out,
                      struct err *err)
{
    struct conf c = {0};
    struct load l = {.path = path, .conf = &c, .arena = a, .err = err};
    enum status st = ST_OK;
    struct buf text;

    set_defaults(&l);
    buf_init(&text, FILE_MAX);
    if (path) {
        st = read_file(path, &text, err);
        l.rest = buf_str(&text);
        if (st == ST_OK)
            st = parse(&l);
        if (st == ST_OK)
            st = check_rules(&l);
    }
    buf_free(&text);
    if (st == ST_OK)
        *out = c;
    return st;
}

/* ---- copies ---- */

static const char **text_of(struct conf *c, const struct conf_key *k)
{
    return k->kind->text ? (const char **)member_of(c, k) : NULL;
}

static_assert(KEYS * (CONF_LINE_MAX + 1) <= CONF_TEXTS_MAX,
              "each text has room in the flat form");

void conf_flatten(const struct conf *c, struct conf_flat *out)
{
    char *to = out->texts;

    out->conf = *c;
    for (size_t i = 0; i < KEYS; i++) {
        const char **text = text_of(&out->conf, &keys[i]);
        size_t n = text ? strlen(*text) + 1 : 0;

        if (!text)
            continue;
        assert(n <= (size_t)(out->texts + sizeof out->texts - to));
        memcpy(to, *text, n);
        *text = to;
        to += n;
    }
}

void conf_copy(const struct conf *from, struct arena *a, struct conf *to)
{
    *to = *from;
    for (size_t i = 0; i < KEYS; i++) {
        const char **text = text_of(to, &keys[i]);

        if (text)
            *text = arena_z(a, str_of(*text));
    }
}

/* ---- printing ---- */

static void dump_help(const struct conf_key *k, struct buf *out)
{
    char must[200];

    buf_printf(out, "\n; %s\n; %s; default %s\n", k->help,
               allowed(k, must, sizeof must), k->dflt[0] ? k->dflt : "nothing");
}

void conf_dump(const struct conf *c, bool with_help, struct buf *out)
{
    for (size_t i = 0; i < KEYS; i++) {
        const struct conf_key *k = &keys[i];

        if (first_of_section(i))
            buf_printf(out, "%s[%s]\n", i ? "\n" : "", k->section);
        if (with_help)
            dump_help(k, out);
        buf_printf(out, "%s = ", k->name);
        k->kind->print(k, (const char *)c + k->at, out);
        buf_putc(out, '\n');
    }
}

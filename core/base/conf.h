/*
 * conf.h - the settings, read once at start and at each reload.
 *
 * One line in conf.def a key: section, name, kind, default, bounds, words,
 * sentence. It feeds the struct, the reader, --dump-config, the sample file and
 * the manual page; there are no settings anywhere else and no globals.
 */
#ifndef DG_BASE_CONF_H
#define DG_BASE_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* Kinds: how a value is written; what the member holds (texts: never NULL). */
typedef const char *conf_text;   /* as written                           */
typedef const char *conf_path;   /* /absolute; empty if the default is   */
typedef const char *conf_socket; /* /absolute, at most 107 bytes         */
typedef const char *conf_place;  /* a form of `words`: a prefix that ends
                                    with / and goes on, or a whole word;
                                    empty if the default is              */
typedef const char *conf_choice; /* one of `words`                       */
typedef int64_t conf_count;      /* whole number within bounds           */
typedef int64_t conf_ms;         /* 250ms, 25s, 5m, 2h: milliseconds     */
typedef int64_t conf_bytes;      /* 100, 64K, 1M, 2G: bytes              */
typedef int64_t conf_mode;       /* 0660: access mode                    */
typedef bool conf_flag;          /* on, off; also true, false            */

#define CONF_LINE_MAX 199 /* bytes; libinih's buffer */

struct conf {
#define KEY(section, name, kind, dflt, lo, hi, words, help)                    \
    conf_##kind section##_##name;
#include "base/conf.def"
#undef KEY
};

const char *conf_choose(const char *given, const char *usual);
/*
    Which file counts: the one that was given, else the usual one if it is there
    (or cannot be looked for: loading it says why), else NULL, none.
 */

enum status conf_load(const char *path, struct arena *a, struct conf *out,
                      struct err *err) MUST_CHECK;
/*
    Reads the file over the defaults; strings live in the arena. ST_BAD_REQUEST
    with file, line, key and what is allowed, and *out untouched, for: a file
    that cannot be read; an unknown section or key; a key twice; a value that
    is not of its kind or out of bounds; a line over 199 bytes or with a
    control byte; keys that cannot work together (finalize_timeout not below
    request_timeout, both sockets the same). path NULL: only defaults.

    A comment is a line that begins with ; or #, or what follows a blank and ;
    in a line. Indented lines are lines like others, never continuations.
    Nothing secret belongs into the file, and the environment changes nothing.
 */

#define CONF_TEXTS_MAX (32 * 1024)
struct conf_flat {
    struct conf conf; /* its texts lie below */
    char texts[CONF_TEXTS_MAX];
};
void conf_flatten(const struct conf *c, struct conf_flat *out);
/*
    The settings in one piece: good in every process that has it at the same
    address, as what is mapped before a fork.
 */

void conf_copy(const struct conf *from, struct arena *a, struct conf *to);
/*
    Texts included; nothing is read or judged anew.
 */

void conf_dump(const struct conf *c, bool with_help, struct buf *out);
/*
    Appends a file that conf_load reads back to the same settings; with help,
    each key's sentence, what is allowed and its default, in comments.
 */

#endif

/*
 * conf.h - the settings, read once at start and at each reload.
 *
 * One line in conf.def a key: section, name, kind, default, bounds, sentence.
 * It feeds the struct, the reader, --dump-config, the sample file and the
 * manual page; there are no settings anywhere else and no globals.
 */
#ifndef DG_BASE_CONF_H
#define DG_BASE_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* Kinds: how a value is written, and what the member holds. */
typedef const char *conf_text;  /* as written, never NULL            */
typedef int64_t conf_count;     /* whole number within bounds        */
typedef int64_t conf_ms;        /* 250ms, 25s, 5m, 2h: milliseconds  */
typedef int64_t conf_bytes;     /* 100, 64K, 1M, 2G: bytes           */
typedef bool conf_flag;         /* on, off                           */
typedef const char *conf_choice; /* one of the words in `bounds`     */

struct conf {
#define KEY(section, name, kind, dflt, lo, hi, words, help) \
    conf_##kind section##_##name;
#include "base/conf.def"
#undef KEY
};

enum status conf_load(const char *path, struct arena *a, struct conf *out,
                      struct err *err) MUST_CHECK;
/*
    Reads the file over the defaults; strings live in the arena. ST_BAD_REQUEST
    with the line, the key and what is allowed, for: an unknown section or
    key, a key twice, a value out of bounds, a line over 199 bytes (libinih
    cuts it there without a word), a file that cannot be read, a socket path
    over 107 bytes, combinations that cannot work. path NULL: only defaults.
 */

void conf_dump(const struct conf *c, bool with_help, struct buf *out);
/*
    As a file that conf_load reads back to the same settings.
 */

#endif

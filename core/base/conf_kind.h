/* conf_kind.h - how a setting's value is read and printed; for conf.c. */
#ifndef DG_BASE_CONF_KIND_H
#define DG_BASE_CONF_KIND_H

#include "base/conf.h"

struct conf_key {
    const char *section, *name;
    const struct conf_kind *kind;
    size_t at; /* of the member in struct conf */
    const char *dflt;
    int64_t lo, hi;
    const char *words, *help;
};

struct conf_kind {
    bool (*read)(const struct conf_key *k, struct str value, struct arena *a,
                 void *member);
    /*
        False when it is not allowed; the member is not touched then.
     */
    void (*print)(const struct conf_key *k, const void *member,
                  struct buf *out);
    /*
        As read takes it.
     */
    void (*allowed)(const struct conf_key *k, struct buf *out);
    /*
        For messages and help: "a whole number from 1 to 512".
     */
    bool text; /* the member is a text, not a number */
};

extern const struct conf_kind conf_kind_text, conf_kind_path, conf_kind_socket,
    conf_kind_place, conf_kind_choice, conf_kind_count, conf_kind_ms,
    conf_kind_bytes, conf_kind_mode, conf_kind_flag;

size_t conf_value_max(const struct conf_key *k);
/*
    Longest value that fits a line as conf_dump writes it.
 */

#endif

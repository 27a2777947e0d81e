/*
 * fields.h - which members of a JSON object may be seen: a set, and the table
 * that gives its numbers names.
 *
 * A set never means everything by being empty. "All" is a set of its own: it
 * also has what no table names (members of other writers), so it lets an
 * object pass as it is, and the set of all named fields does not. All less some
 * has those others still. What is asked for and what is allowed meet by
 * fields_and, and nothing then is nothing.
 */
#ifndef DG_BASE_FIELDS_H
#define DG_BASE_FIELDS_H

#include "base/json.h"

/* More than a table has lines: the bits above stand for what none names. */
#define FIELDS_MAX 128
#define FIELDS_WORDS (FIELDS_MAX / 64)

struct fields {
    uint64_t word[FIELDS_WORDS]; /* for fields.c alone */
};

struct field_table {
    const char *const *name; /* each once; field i is name[i] */
    unsigned n;              /* below FIELDS_MAX */
};

struct fields fields_none(void);
struct fields fields_all(void);
struct fields fields_and(struct fields x, struct fields y);
struct fields fields_less(struct fields x, struct fields y);
/*
    x without those of y.
 */

bool fields_add(struct fields *set, const struct field_table *t,
                struct str name);
/*
    False when the table has no such field.
 */

bool fields_has(struct fields set, unsigned field);
bool fields_equal(struct fields x, struct fields y);
bool fields_is_empty(struct fields set);
bool fields_is_all(struct fields set);
/*
    Whether everything passes, named or not.
 */
bool fields_is_open(struct fields set);
/*
    Whether what no table names passes: "all", or "all less some", but no set of
    names.
 */

#define FIELDS_TEXT_MAX (FIELDS_MAX / 4)
struct str fields_text(struct fields set, char space[FIELDS_TEXT_MAX]);
/*
    Hexadecimal digits, `*` (all) or `-` (none), in space or a constant; the
   same for equal sets and for no others.
 */

void fields_put(struct fields set, const struct field_table *t,
                struct json object, struct buf *out);
/*
    The object with only those of its members that are in the set, as they
    stand in it and in its order; fields that it lacks are not invented.
 */

#endif

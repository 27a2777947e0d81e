/*
 * rows.h - a table in JSON, with its columns by name.
 *
 *   "columns":["trip_id","end_ms"], "trips":[["t1",5],["t2",7]]
 *
 * Whoever reads one names the columns that it knows, as members of a struct.
 * The table may have others, which a later version wrote: their cells can be
 * had as they are, to be written again. It may lack some: that is told for each
 * row, and so is a null where a value belongs, by which a row says that whoever
 * wrote it did not know better.
 */
#ifndef DG_BASE_ROWS_H
#define DG_BASE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/json.h"

enum cell_kind {
    CELL_TEXT,  /* struct str */
    CELL_CHARS, /* char[], with a NUL in it */
    CELL_WHOLE, /* int64_t */
    CELL_TIME,  /* int64_t; null is TIME_NONE, a value: false is the gap */
    CELL_REAL,  /* double */
    CELL_FLAG,  /* bool */
};

struct column {
    const char *name;
    enum cell_kind kind;
    size_t at, size; /* of the member in the row's struct */
};
#define COLUMN(type, name, kind, member)                                       \
    {                                                                          \
        name, kind, offsetof(type, member), sizeof((type *)NULL)->member       \
    }

#define ROWS_COLUMNS_MAX 128
#define ROWS_UNKNOWN 255 /* the number of every other column */

struct rows { /* a table */
    const struct column *known;
    size_t n;
    struct str *other; /* names of the columns that are not known */
    size_t others;
    /* Of one that was read: */
    unsigned char cell[ROWS_COLUMNS_MAX]; /* numbers of the known columns, by
                                             place in a row */
    size_t width;                         /* cells of a row */
    bool same; /* it has the known columns and no others, in their order */
};
#define ROWS_OF(table)                                                         \
    {                                                                          \
        .known = (table), .n = sizeof(table) / sizeof *(table)                 \
    }

struct row_rest { /* of a row, what its struct does not say */
    size_t gaps;  /* how many of the known columns it has no value for */
    uint64_t gap[ROWS_COLUMNS_MAX / 64]; /* which, by their numbers */
    struct str *other;                   /* cells of the others, as JSON */
};

bool row_lacks(const struct row_rest *rest, size_t column);

/* ---- reading ---- */

bool rows_open(struct json columns, const struct rows *known, struct arena *a,
               struct rows *out);
/*
    What the columns of a table are, to a reader who knows those of `known`.
    False when that is no array of different names, or of too many: together
    with the known ones that it lacks, ROWS_COLUMNS_MAX.
 */

bool rows_read(const struct rows *t, struct json line, struct arena *a,
               void *row, struct row_rest *rest);
/*
    One row into its struct; members that it has no value for stay as they are.
    False when it has not as many cells as the table has columns, or one is of
    another kind.
 */

/* ---- writing ---- */

void rows_put_columns(const struct rows *t, struct json_out *o);
/*
    "columns":[...], the unknown ones behind the known.
 */
void rows_put_row(const struct rows *t, const void *row,
                  const struct row_rest *rest, struct json_out *o);
/*
    One row, with null for its gaps; rest NULL: it has none, nor has the table
    others.
 */

#endif

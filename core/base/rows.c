#include "base/rows.h"

#include <assert.h>
#include "base/isotime.h"

/* Of the years 1 to 9999. */
#define TIME_FIRST INT64_C(-62135596800000000)
#define TIME_LAST INT64_C(253402300799999999)

static_assert(ROWS_COLUMNS_MAX <= ROWS_UNKNOWN, "a column has a number");

bool row_lacks(const struct row_rest *rest, size_t column)
{
    assert(column < ROWS_COLUMNS_MAX);
    return rest->gap[column / 64] >> column % 64 & 1;
}

/* ---- reading ---- */

/* Columns mostly come in the order in which they are known. */
static size_t column_number(const struct rows *known, struct str name,
                            size_t likely)
{
    if (likely < known->n && str_is(name, known->known[likely].name))
        return likely;
    for (size_t k = 0; k < known->n; k++)
        if (str_is(name, known->known[k].name))
            return k;
    return known->n;
}

static bool has_other(const struct rows *t, struct str name)
{
    for (size_t i = 0; i < t->others; i++)
        if (str_eq(t->other[i], name))
            return true;
    return false;
}

/* The next column of the table, or false when its name was there before. */
static bool add_column(const struct rows *known, struct str name,
                       struct arena *a, bool seen[ROWS_COLUMNS_MAX],
                       struct rows *out)
{
    size_t k = column_number(known, name, out->width);

    assert(out->width < ROWS_COLUMNS_MAX);
    out->same = out->same && k == out->width;
    if (k < known->n) {
        out->cell[out->width++] = (unsigned char)k;
        if (seen[k])
            return false;
        seen[k] = true;
        return true;
    }
    out->cell[out->width++] = ROWS_UNKNOWN;
    if (has_other(out, name))
        return false;
    if (!out->other)
        out->other = arena_alloc_n(a, ROWS_COLUMNS_MAX, sizeof *out->other);
    out->other[out->others++] = name;
    return true;
}

bool rows_open(struct json columns, const struct rows *known, struct arena *a,
               struct rows *out)
{
    bool seen[ROWS_COLUMNS_MAX] = {false};
    struct json_iter it = json_iter(columns);
    struct json key, name;
    size_t n = json_count(columns);

    assert(known->n <= ROWS_COLUMNS_MAX);
    if (columns.type != JSON_ARRAY || n > ROWS_COLUMNS_MAX)
        return false;
    *out = (struct rows){.known = known->known, .n = known->n, .same = true};
    while (json_next(&it, &key, &name))
        if (name.type != JSON_STRING ||
            !add_column(known, json_string(name, a), a, seen, out))
            return false;
    out->same = out->same && out->width == known->n;
    /* Whoever writes it again adds the known ones that it lacks, and must be
     * able to read that. */
    return known->n + out->others <= ROWS_COLUMNS_MAX;
}

static bool read_chars(const struct column *col, struct json v, struct arena *a,
                       char *to)
{
    struct str text = json_string(v, a);

    if (v.type != JSON_STRING || text.n >= col->size)
        return false;
    memcpy(to, text.p, text.n);
    to[text.n] = '\0';
    return true;
}

/* Microseconds of a year are beyond 2^53 before 1685 and from 2255 on, and are
 * written as they are: to the digit, then. */
static bool cell_time(struct json v, int64_t *out)
{
    *out = TIME_NONE;
    if (v.type == JSON_NULL || json_int(v, out))
        return true;
    return v.type == JSON_NUMBER && str_to_i64(v.raw, out) &&
           *out >= TIME_FIRST && *out <= TIME_LAST;
}

static bool read_cell(const struct column *col, struct json v, struct arena *a,
                      void *row)
{
    void *to = (char *)row + col->at;

    switch (col->kind) {
    case CELL_TEXT:
        *(struct str *)to = json_string(v, a);
        return v.type == JSON_STRING;
    case CELL_CHARS:
        return read_chars(col, v, a, to);
    case CELL_WHOLE:
        return json_int(v, to);
    case CELL_TIME:
        return cell_time(v, to);
    case CELL_REAL:
        return json_double(v, to);
    case CELL_FLAG:
        *(bool *)to = v.type == JSON_TRUE;
        return v.type == JSON_TRUE || v.type == JSON_FALSE;
    }
    return false;
}

/* How a row says that it does not know. */
static enum json_type gap_of(const struct column *col)
{
    return col->kind == CELL_TIME ? JSON_FALSE : JSON_NULL;
}

static void add_gap(struct row_rest *rest, size_t column)
{
    rest->gap[column / 64] |= (uint64_t)1 << column % 64;
    rest->gaps++;
}

/* Columns that the table has not. */
static void add_lacking(const struct rows *t, struct row_rest *rest)
{
    bool has[ROWS_COLUMNS_MAX] = {false};

    for (size_t i = 0; i < t->width; i++)
        if (t->cell[i] != ROWS_UNKNOWN)
            has[t->cell[i]] = true;
    for (size_t k = 0; k < t->n; k++)
        if (!has[k])
            add_gap(rest, k);
}

bool rows_read(const struct rows *t, struct json line, struct arena *a,
               void *row, struct row_rest *rest)
{
    struct json_iter it = json_iter(line);
    struct json key, v;
    size_t i, others = 0;

    *rest = (struct row_rest){.gaps = 0};
    if (t->others)
        rest->other = arena_alloc_n(a, t->others, sizeof *rest->other);
    if (t->width - t->others < t->n)
        add_lacking(t, rest);
    for (i = 0; json_next(&it, &key, &v); i++) {
        size_t k;

        if (i == t->width)
            return false;
        k = t->cell[i];
        if (k == ROWS_UNKNOWN)
            rest->other[others++] = v.raw;
        else if (v.type == gap_of(&t->known[k]))
            add_gap(rest, k);
        else if (!read_cell(&t->known[k], v, a, row))
            return false;
    }
    return line.type == JSON_ARRAY && i == t->width;
}

/* ---- writing ---- */

void rows_put_columns(const struct rows *t, struct json_out *o)
{
    json_begin_array(o, "columns");
    for (size_t k = 0; k < t->n; k++)
        json_put_z(o, NULL, t->known[k].name);
    for (size_t i = 0; i < t->others; i++)
        json_put_str(o, NULL, t->other[i]);
    json_end_array(o);
}

static void put_cell(const struct column *col, const void *row,
                     struct json_out *o)
{
    const void *at = (const char *)row + col->at;

    switch (col->kind) {
    case CELL_TEXT:
        json_put_str(o, NULL, *(const struct str *)at);
        break;
    case CELL_CHARS:
        json_put_z(o, NULL, at);
        break;
    case CELL_WHOLE:
        json_put_int(o, NULL, *(const int64_t *)at);
        break;
    case CELL_TIME:
        if (*(const int64_t *)at == TIME_NONE)
            json_put_null(o, NULL);
        else
            json_put_int(o, NULL, *(const int64_t *)at);
        break;
    case CELL_REAL:
        json_put_double(o, NULL, *(const double *)at);
        break;
    case CELL_FLAG:
        json_put_bool(o, NULL, *(const bool *)at);
        break;
    }
}

static void put_gap(const struct column *col, struct json_out *o)
{
    if (gap_of(col) == JSON_FALSE)
        json_put_bool(o, NULL, false);
    else
        json_put_null(o, NULL);
}

void rows_put_row(const struct rows *t, const void *row,
                  const struct row_rest *rest, struct json_out *o)
{
    assert(rest || !t->others);
    json_begin_array(o, NULL);
    for (size_t k = 0; k < t->n; k++)
        if (rest && row_lacks(rest, k))
            put_gap(&t->known[k], o);
        else
            put_cell(&t->known[k], row, o);
    for (size_t i = 0; i < t->others; i++)
        json_put_raw(o, NULL, rest->other[i]);
    json_end_array(o);
}

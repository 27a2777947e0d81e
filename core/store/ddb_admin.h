/* ddb_admin.h - the tables of a new installation: an operator's matter. */
#ifndef DG_STORE_DDB_ADMIN_H
#define DG_STORE_DDB_ADMIN_H

#include "store/ddb.h"

struct ddb_table {
    const char *name, *key;
    const char *index;                   /* NULL or empty: none */
    const char *index_key, *index_range; /* index_range NULL: none */
    const char *index_with; /* what it has beside the keys, or NULL */
};

#define DDB_TABLES 4
void ddb_tables(const struct conf *c, struct ddb_table out[DDB_TABLES]);
/*
    The tables that the settings name, with their keys and indexes:
    doc/storage.md, "Records". All attributes in keys are strings.
 */

enum status ddb_table_make(struct ddb *db, const struct ddb_table *t,
                           struct deadline d, bool *made,
                           struct err *err) MUST_CHECK;
/*
    Creates the table, paid by request, and waits until it can be used. One
    that is there is left as it is (*made false).
 */

/* ---- the index of a table that is there ---- */

enum ddb_index_state {
    INDEX_UNWANTED, /* the settings name none for this table */
    INDEX_MISSING,
    INDEX_MAKING, /* DynamoDB is at it, and nobody can ask it yet */
    INDEX_READY
};
struct ddb_index {
    enum ddb_index_state state;
    bool filling; /* INDEX_MAKING: items go into it already */
    /* What the table is paid for, of which the index will want as much; 0: by
     * request. */
    int64_t reads, writes;
};

enum status ddb_index_look(struct ddb *db, const struct ddb_table *t,
                           struct deadline d, struct ddb_index *out,
                           struct err *err) MUST_CHECK;
/*
    ST_PRECONDITION: one of that name is there and cannot be used: it has other
    keys, or is being removed.
 */

enum status ddb_index_add(struct ddb *db, const struct ddb_table *t,
                          const struct ddb_index *seen, struct deadline d,
                          struct err *err) MUST_CHECK;
/*
    DynamoDB begins to make it, which takes minutes and goes on by itself: look
    again until it is ready. seen: INDEX_MISSING.
 */

#endif

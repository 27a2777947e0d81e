/* ddb_admin.h - the tables of a new installation: an operator's matter. */
#ifndef DG_STORE_DDB_ADMIN_H
#define DG_STORE_DDB_ADMIN_H

#include "store/ddb.h"

struct ddb_table {
    const char *name, *key;
    const char *index;                   /* NULL or empty: none */
    const char *index_key, *index_range; /* index_range NULL: none */
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

#endif

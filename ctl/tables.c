/* tables.c - driveguardctl tables init: the tables of a new installation. */
#include <stdio.h>
#include <string.h>
#include "ctl/ctl.h"
#include "store/ddb_admin.h"

#define TABLE_MS 120000

int ctl_tables_init(const struct ctl *ctl, int argc, char **argv)
{
    struct ddb_table table[DDB_TABLES];
    struct err err = ERR_NONE;
    struct ddb db;
    enum status st = ST_OK;

    (void)argv;
    if (argc != 1)
        return CTL_USAGE;
    if (strcmp(ctl->conf->records_url, "dynamodb:") != 0) {
        err_set(&err, ST_BAD_REQUEST, NULL,
                "records.url = %s: has no tables to make",
                ctl->conf->records_url);
        return ctl_complain(&err);
    }
    if (ddb_open(&db, ctl->conf, &err) != ST_OK)
        return ctl_complain(&err);
    ddb_tables(ctl->conf, table);
    for (int i = 0; st == ST_OK && i < DDB_TABLES; i++) {
        bool made = false;

        st = ddb_table_make(&db, &table[i], deadline_in(TABLE_MS), &made, &err);
        if (st == ST_OK)
            printf("%s: %s\n", table[i].name, made ? "made" : "is there");
    }
    ddb_close(&db);
    return st == ST_OK ? CTL_DONE : ctl_complain(&err);
}

/*
 * tables.c - driveguardctl tables init: the tables of [dynamodb] and their
 * indexes.
 *
 * A table that is missing is made, with its index. One that is there belongs to
 * somebody, and its index costs money: it is added when --add-indexes says so,
 * or whoever sits at the terminal. What was begun goes on without this command.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "ctl/ctl.h"
#include "store/ddb_admin.h"

#define TABLE_MS 120000
#define CALL_MS 30000
#define LOOK_MS 2000
#define LINE_MS 30000                  /* where nobody watches a terminal */
#define INDEX_MS (24 * 60 * 60 * 1000) /* far more than any has taken */

struct init {
    struct ddb db;
    bool add;            /* --add-indexes */
    bool asks, animates; /* somebody can answer; and watch */
};

/* ---- an index ---- */

static void index_say(const struct ddb_table *t, const char *what)
{
    printf("%s: index %s: %s\n", t->name, t->index, what);
    fflush(stdout); /* before what goes to standard error */
}

static bool index_wanted(const struct init *in, const struct ddb_table *t)
{
    char line[16];

    if (in->add)
        return true;
    if (!in->asks)
        return false;
    printf("%s: index %s: missing. Add it, with all items that are there? "
           "[y/N] ",
           t->name, t->index);
    fflush(stdout);
    return fgets(line, sizeof line, stdin) &&
           (line[0] == 'y' || line[0] == 'Y');
}

static void index_progress(const struct init *in, const struct ddb_table *t,
                           const struct ddb_index *seen, int64_t ms,
                           int64_t *told_ms)
{
    if (!in->animates && *told_ms >= 0 && ms - *told_ms < LINE_MS)
        return;
    *told_ms = ms;
    printf("%s%s: index %s: %s for %lld s%s", in->animates ? "\r" : "", t->name,
           t->index, seen->filling ? "being filled" : "being made",
           (long long)ms / 1000, in->animates ? " " : "\n");
    fflush(stdout);
}

static enum status index_wait(struct init *in, const struct ddb_table *t,
                              struct err *err)
{
    struct deadline end = deadline_in(INDEX_MS);
    struct ddb_index seen = {.state = INDEX_MAKING};
    int64_t began = clock_mono_ms(), told = -1;
    enum status st = ST_OK;

    while (st == ST_OK && seen.state == INDEX_MAKING) {
        index_progress(in, t, &seen, clock_mono_ms() - began, &told);
        if (deadline_over(end))
            return err_set(err, ST_TIMEOUT, NULL,
                           "index %s of table %s is not ready after a day",
                           t->index, t->name);
        clock_sleep_ms(LOOK_MS);
        st = ddb_index_look(&in->db, t, deadline_in(CALL_MS), &seen, err);
    }
    if (in->animates)
        printf("\n");
    if (st == ST_OK && seen.state == INDEX_MISSING)
        st = err_set(err, ST_UNAVAILABLE, NULL,
                     "index %s of table %s is gone again: DynamoDB could not "
                     "make it",
                     t->index, t->name);
    if (st == ST_OK)
        index_say(t, "made");
    return st;
}

static enum status index_init(struct init *in, const struct ddb_table *t,
                              struct err *err)
{
    struct ddb_index seen;
    enum status st =
        ddb_index_look(&in->db, t, deadline_in(CALL_MS), &seen, err);

    if (st != ST_OK)
        return st;
    switch (seen.state) {
    case INDEX_UNWANTED:
        return ST_OK;
    case INDEX_READY:
        index_say(t, "ready");
        return ST_OK;
    case INDEX_MAKING:
        return index_wait(in, t, err);
    case INDEX_MISSING:
        break;
    }
    if (!index_wanted(in, t)) {
        index_say(t,
                  "missing; driveguardctl tables init --add-indexes adds it");
        return ST_OK;
    }
    st = ddb_index_add(&in->db, t, &seen, deadline_in(CALL_MS), err);
    if (st != ST_OK)
        return err_add(err, "index %s of table %s", t->index, t->name);
    return index_wait(in, t, err);
}

/* ---- all ---- */

static enum status table_init(struct init *in, const struct ddb_table *t,
                              struct err *err)
{
    bool made = false;
    enum status st =
        ddb_table_make(&in->db, t, deadline_in(TABLE_MS), &made, err);

    if (st != ST_OK)
        return st;
    printf("%s: %s\n", t->name, made ? "made" : "is there");
    fflush(stdout);
    return made ? ST_OK : index_init(in, t, err);
}

int ctl_tables_init(const struct ctl *ctl, int argc, char **argv)
{
    struct init in = {.add = argc == 2 && strcmp(argv[1], "--add-indexes") == 0,
                      .asks = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
                      .animates = isatty(STDOUT_FILENO)};
    struct ddb_table table[DDB_TABLES];
    struct err err = ERR_NONE;
    enum status st = ST_OK;

    if (argc != 1 && !in.add)
        return CTL_USAGE;
    if (strcmp(ctl->conf->records_url, "dynamodb:") != 0) {
        err_set(&err, ST_BAD_REQUEST, NULL,
                "records.url = %s: has no tables to make",
                ctl->conf->records_url);
        return ctl_complain(&err);
    }
    if (ddb_open(&in.db, ctl->conf, &err) != ST_OK)
        return ctl_complain(&err);
    ddb_tables(ctl->conf, table);
    for (int i = 0; st == ST_OK && i < DDB_TABLES; i++)
        st = table_init(&in, &table[i], &err);
    ddb_close(&in.db);
    return st == ST_OK ? CTL_DONE : ctl_complain(&err);
}

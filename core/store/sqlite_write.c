/* sqlite_write.c - transactions: in turn with the host's other writers, or of a
 * group of them; and the write-ahead log that they leave. */
#include "store/sqlite_impl.h"

#include <assert.h>

void sql_share(struct sql *db, const struct group_place *place)
{
    db->place = *place;
}

bool sql_shared(const struct sql *db)
{
    return db->place.group != NULL;
}

static enum status take_turn(struct sql *db, struct deadline d, struct err *err)
{
    return db->leads ? ST_OK : group_turn(&db->place, d, err);
}

static void end_turn(struct sql *db)
{
    if (!db->leads)
        group_turn_over(&db->place);
}

enum status sql_begin(struct sql *db, struct deadline d, struct err *err)
{
    enum status st = take_turn(db, d, err);

    if (st != ST_OK)
        return st;
    if ((st = sql_use(db, d, err)) == ST_OK)
        st = sql_exec(db, "BEGIN IMMEDIATE", "write", err);
    if (st != ST_OK)
        end_turn(db);
    return st;
}

enum status sql_end(struct sql *db, enum status so_far, struct err *err)
{
    enum status st = so_far;

    if (st == ST_OK)
        st = sql_exec(db, "COMMIT", "write", err);
    /* A failed COMMIT may leave the transaction open; some errors have ended
     * it already. */
    if (st != ST_OK && !sqlite3_get_autocommit(db->handle) &&
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL))
        sql_close_handle(db);
    end_turn(db);
    return st;
}

struct leading {
    struct sql *db;
    group_write write;
    void *ctx;
};

static void group_lead(void *ctx, struct group_row *row, size_t n)
{
    struct leading *l = ctx;

    assert(!l->db->leads);
    l->db->leads = true;
    l->write(l->ctx, row, n);
    l->db->leads = false;
}

enum status sql_group(struct sql *db, const struct str *part, size_t parts,
                      struct deadline d, group_write write, void *ctx,
                      unsigned char result[GROUP_RESULT_MAX], struct err *err)
{
    struct leading l = {db, write, ctx};

    assert(sql_shared(db));
    return group_commit(&db->place, part, parts, d, group_lead, &l, result,
                        err);
}

/* ---- the write-ahead log ---- */

bool sql_log_is_long(const struct sql *db)
{
    return db->handle && db->log_pages >= LOG_PAGES_LONG;
}

static void fold_back(struct sql *db)
{
    /* Busy: another process is at it. A failure is the next writer's. */
    (void)sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                    NULL, NULL);
}

void sql_shorten_log(struct sql *db, struct deadline d)
{
    struct err none = ERR_NONE;

    if (sql_use(db, d, &none) != ST_OK)
        return;
    db->log_pages = 0;
    fold_back(db);
    /* What was written meanwhile is little; with that, and nobody writing, the
     * next writer begins the log anew. Else it would grow for ever. */
    if (take_turn(db, d, &none) != ST_OK)
        return;
    fold_back(db);
    end_turn(db);
}

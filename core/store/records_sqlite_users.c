/* records_sqlite_users.c - the users of the SQLite record store: reading;
 * records_sqlite_user_put.c writes them. */
#include "store/records_sqlite.h"

#define PAGE 100

static void read_user_row(const struct sql_query *q, struct arena *a,
                          struct user *out)
{
    *out = (struct user){
        .user_id = sql_str(q, 0, a),
        .email = arena_lower(a, sql_str(q, 1, a)),
        .name = sql_str(q, 2, a),
        .role = sql_str(q, 3, a),
        .zipcode = sql_str(q, 4, a),
        .has_base_point = !sql_is_null(q, 5) && !sql_is_null(q, 6),
        .latitude = sql_double(q, 5),
        .longitude = sql_double(q, 6),
        .city = sql_str(q, 7, a),
        .state = sql_str(q, 8, a),
        .source = sql_str(q, 9, a),
        .base_zipcode = sql_str(q, 10, a),
        .has_privacy = !sql_is_null(q, 11),
        .anonymization_radius = sql_int(q, 11),
        .retention_months = sql_int(q, 12),
        .consent = sql_str(q, 13, a),
    };
}

static enum status query_user(struct sql *sql, enum query by, struct str value,
                              struct deadline d, struct arena *a,
                              struct user *out, struct err *err)
{
    struct sql_query q;
    bool row = false;
    enum status st = sql_query(sql, by, d, &q, err);

    if (st == ST_OK) {
        sql_bind_key(&q, value);
        st = sql_step(&q, &row, err);
    }
    if (row)
        read_user_row(&q, a, out);
    else if (st == ST_OK)
        st = err_set(err, ST_NOT_FOUND, NULL, "no such user");
    sql_done(&q);
    return st;
}

enum status sqlite_find_user(struct sql *sql, struct str user_id,
                             struct deadline d, struct arena *a,
                             struct user *out, struct err *err)
{
    return query_user(sql, Q_USER, user_id, d, a, out, err);
}

enum status sqlite_user(struct records *r, struct str user_id,
                        struct deadline d, struct arena *a, struct user *out,
                        struct err *err)
{
    return query_user(sql_of(r), Q_USER, user_id, d, a, out, err);
}

enum status sqlite_user_by_email(struct records *r, struct str email,
                                 struct deadline d, struct arena *a,
                                 struct user *out, struct err *err)
{
    return query_user(sql_of(r), Q_USER_BY_EMAIL, email, d, a, out, err);
}

enum status sqlite_ids_by_email(struct records *r, struct str email,
                                struct deadline d, struct arena *a,
                                struct email_ids *out, struct err *err)
{
    struct sql_query q;
    bool row = true;
    enum status st = sql_query(sql_of(r), Q_USERS_OF_EMAIL, d, &q, err);

    *out = (struct email_ids){.n = 0};
    if (st == ST_OK) {
        sql_bind_key(&q, email);
        sql_bind_int(&q, EMAIL_IDS_MAX);
    }
    while (st == ST_OK && row) {
        st = sql_step(&q, &row, err);
        if (st == ST_OK && row)
            out->id[out->n++] = sql_str(&q, 0, a);
    }
    sql_done(&q);
    return st == ST_OK && out->n == 0
               ? err_set(err, ST_NOT_FOUND, NULL, "nobody has that e-mail")
               : st;
}

enum status sqlite_user_remove(struct records *r, struct str user_id,
                               struct deadline d, struct err *err)
{
    struct sql *sql = sql_of(r);
    struct sql_query q;
    enum status st = sql_query(sql, Q_USER_REMOVE, d, &q, err);

    if (st == ST_OK) {
        sql_bind_key(&q, user_id);
        st = sql_run(&q, err);
    }
    if (st == ST_OK && sql_changed(sql) == 0)
        st = err_set(err, ST_NOT_FOUND, NULL, "no such user");
    return st;
}

/* ---- all of them ---- */

struct page {
    struct user user[PAGE];
    size_t n;
};

static enum status users_page(struct sql *sql, struct str after,
                              struct deadline d, struct arena *a,
                              struct page *out, struct err *err)
{
    struct sql_query q;
    bool row = true;
    enum status st = sql_query(sql, Q_USERS_AFTER, d, &q, err);

    out->n = 0;
    if (st != ST_OK)
        return st;
    sql_bind_key(&q, after);
    sql_bind_int(&q, PAGE);
    while (st == ST_OK && row) {
        st = sql_step(&q, &row, err);
        if (st == ST_OK && row)
            read_user_row(&q, a, &out->user[out->n++]);
    }
    sql_done(&q);
    return st;
}

enum status sqlite_users(struct records *r, struct deadline d,
                         records_user_each each, void *ctx, struct err *err)
{
    struct arena *a = arena_new(64 * 1024), *keys = arena_new(1024);
    struct page *page = arena_alloc(a, sizeof *page);
    const struct arena_mark mark = arena_mark(a);
    struct str last = STR_NONE;
    enum status st;

    do {
        arena_release(a, mark);
        st = users_page(sql_of(r), last, d, a, page, err);
        for (size_t i = 0; st == ST_OK && i < page->n; i++)
            st = each(ctx, &page->user[i]);
        if (st != ST_OK || page->n == 0)
            break;
        arena_reset(keys);
        last = arena_copy(keys, page->user[page->n - 1].user_id);
    } while (page->n == PAGE);
    arena_free(&keys);
    arena_free(&a);
    return st;
}

/* sqlite_impl.h - what the files of sqlite.h share. */
#ifndef DG_STORE_SQLITE_IMPL_H
#define DG_STORE_SQLITE_IMPL_H

#include <limits.h>
#include <sqlite3.h>
#include <sys/types.h>
#include "store/sqlite.h"

/* The write-ahead log, in pages of 4 KB: from the first on it is shortened when
 * somebody has the time; at the second, the writer who finds it so does it, and
 * all others wait. */
#define LOG_PAGES_LONG 1000
#define LOG_PAGES_MOST 16000

struct sql {
    const _Atomic uint64_t *mark; /* sql_belong; NULL: any file will do */
    char path[PATH_MAX];
    const struct sql_plan *plan;
    sqlite3 *handle;
    sqlite3_stmt **stmts;     /* one a query, NULL until used */
    pid_t pid;                /* that opened it */
    bool broken;              /* to be opened anew */
    struct deadline deadline; /* of the call that runs now */
    struct group_place place; /* among the file's writers on this host */
    bool leads;               /* it is its turn, and it writes for others */
    int log_pages;            /* after the last commit */
};

enum status sql_use(struct sql *db, struct deadline d,
                    struct err *err) MUST_CHECK;
/*
    Before anything else of a call: opens the file, or opens it anew.
 */
void sql_close_handle(struct sql *db);

enum status sql_exec(struct sql *db, const char *text, const char *doing,
                     struct err *err) MUST_CHECK;
/*
    A statement without values or rows. doing: "write", for the message.
 */
enum status sql_fail(struct sql *db, int code, const char *doing,
                     struct err *err);
/*
    SQLite's code as a status, with a message that tells what to do.
 */

#endif

/* log.h - one line an event, key=value, no secrets. */
#ifndef DG_BASE_LOG_H
#define DG_BASE_LOG_H

#include "base/err.h"
#include "base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_open(const char *target, enum log_level level, const char *role);
/*
    target: "stderr", or a file that is appended to (reopened by log_reopen).
    role is printed in each line ("master", "worker", ...). A file that cannot
    be opened: the reason goes to stderr, and so do the lines.
 */
void log_never_wait(void);
/*
    For a service, at its start: writing to stderr never waits from now on, who-
    ever reads it or not. Other programs that have the same stderr do not
    notice.
 */
void log_reopen(void);
void log_role(const char *role);
/*
    After a fork.
 */

void log_request(struct str request_id);
/*
    Every line until the next call carries this id; STR_NONE for none.
 */

void log_line(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/*
    `2025-12-20T14:31:34.123456Z level=warn role=worker pid=12 rid=ab3 \
     event=trip_unreadable key="..." ...`
    fmt gives the rest as `key=value` pairs (NULL: nothing); log_quoted()
   escapes a value that came from outside. One write() a line, at most 4,000
   bytes, cut with "...". What the log does not take at once is dropped and
   counted; the first line that it takes again is `event=log_dropped lines=N`.
 */

struct log_value {
    char z[4 * 128 + 6]; /* 128 bytes as \xNN, quotes, "...", NUL */
};
const char *log_quoted(struct str value, struct log_value *space);
/*
    "value" with quotes, backslashes and all but printable ASCII escaped, cut at
    128 bytes of input: a newline in an id cannot forge a line.
 */

void log_err(enum log_level level, const char *event, const struct err *err);
/*
    `... event=EVENT status=unavailable code=s3_refused error="..."`
 */

#define LOG_NAME_MAX 320 /* holds any object's key */
void log_err_of(enum log_level level, const char *event, const char *what,
                struct str name, const struct err *err);
/*
    The same, about one thing: `... event=EVENT WHAT="NAME" status=...`. NAME
    is escaped as by log_quoted, and whole up to LOG_NAME_MAX bytes.
 */

#endif

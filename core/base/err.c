#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const names[ST_COUNT] = {
    [ST_OK] = "ok",
    [ST_BAD_REQUEST] = "bad_request",
    [ST_NOT_FOUND] = "not_found",
    [ST_NO_METHOD] = "method_not_allowed",
    [ST_NOT_ACCEPTABLE] = "not_acceptable",
    [ST_NOT_OWNER] = "not_owner",
    [ST_TOO_LARGE] = "too_large",
    [ST_PRECONDITION] = "precondition_failed",
    [ST_BUSY] = "busy",
    [ST_UNAVAILABLE] = "unavailable",
    [ST_TIMEOUT] = "timeout",
    [ST_DENIED] = "denied",
    [ST_CORRUPT] = "corrupt",
    [ST_GONE_CLIENT] = "client_gone",
    [ST_INTERNAL] = "internal",
};

const char *status_name(enum status st)
{
    return st >= 0 && st < ST_COUNT ? names[st] : "unknown";
}

enum status err_set(struct err *e, enum status st, const char *code,
                    const char *fmt, ...)
{
    int saved = errno; /* callers may still want to look at it */
    va_list ap;

    assert(st != ST_OK);
    if (!e)
        return st;
    e->st = st;
    e->extra = STR_NONE;
    e->again_s = 0;
    snprintf(e->code, sizeof e->code, "%s", code ? code : status_name(st));
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    errno = saved;
    return st;
}

enum status err_add(struct err *e, const char *fmt, ...)
{
    int saved = errno;
    char front[ERR_TEXT_MAX], whole[ERR_TEXT_MAX * 2 + 4];
    va_list ap;

    if (!e)
        return ST_INTERNAL;
    va_start(ap, fmt);
    vsnprintf(front, sizeof front, fmt, ap);
    va_end(ap);
    snprintf(whole, sizeof whole, "%s: %s", front, e->text);
    memcpy(e->text, whole, sizeof e->text - 1);
    e->text[sizeof e->text - 1] = '\0';
    errno = saved;
    return e->st;
}

void err_clear(struct err *e)
{
    *e = ERR_NONE;
}

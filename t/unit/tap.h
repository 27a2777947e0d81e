/* tap.h - Test Anything Protocol for the unit tests, read by prove. */
#ifndef DG_T_TAP_H
#define DG_T_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3), unused)) static bool
tap_ok(bool pass, const char *fmt, ...)
{
    va_list ap;

    printf("%sok %d - ", pass ? "" : "not ", ++tap_count);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    fflush(stdout);
    tap_failed += !pass;
    return pass;
}

#define CHECK(cond) tap_ok((cond), "%s:%d %s", __func__, __LINE__, #cond)

__attribute__((format(printf, 1, 2), unused)) static void
tap_note(const char *fmt, ...)
{
    va_list ap;

    printf("# ");
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
}

/* Instead of any point: what is needed is missing, although it can be had. That
 * is a failure where packaging/test has installed all of it. */
__attribute__((unused)) static void tap_skip_all(const char *reason)
{
    const char *skip = getenv("DG_SKIP");

    if (skip && strcmp(skip, "never") == 0)
        tap_ok(false, "not tried: %s", reason);
    else
        printf("1..0 # SKIP %s\n", reason);
}

__attribute__((unused)) static int tap_end(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif

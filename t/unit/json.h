/* json.h - texts for the tests of base/json.h. */
#ifndef DG_T_JSON_H
#define DG_T_JSON_H

#include <string.h>
#include "base/json.h"
#include "t/unit/tap.h"

/* On the heap and to the byte, so that the sanitizer sees a step too far. */
static enum status check(struct str text, struct json *root, struct err *err)
{
    char *z = malloc(text.n ? text.n : 1);
    struct json found;
    enum status st;

    memcpy(z, text.p, text.n);
    st = json_check((struct str){z, text.n}, JSON_DEPTH, &found, err);
    free(z);
    if (json_check(text, JSON_DEPTH, root, NULL) != st)
        abort();
    return st;
}

__attribute__((unused)) static struct json parse(const char *z)
{
    struct json root;

    if (check(str_of(z), &root, NULL) != ST_OK)
        tap_ok(false, "accepts %s", z);
    return root;
}

#endif

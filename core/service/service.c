#include "service/service.h"

#include <assert.h>
#include <stdlib.h>
#include "base/pause.h"
#include "service/foreign.h"

#define DRIVERS_PAUSED 256

enum status service_open(const struct conf *c, struct service **out,
                         struct err *err)
{
    struct service *s;
    struct stores *stores;
    enum status st = stores_open(c, &stores, err);

    if (st != ST_OK)
        return st;
    s = calloc(1, sizeof *s);
    assert(s);
    s->stores = stores;
    s->hints = email_hints_new();
    s->foreign = foreign_new();
    s->drivers = pauses_new(DRIVERS_PAUSED);
    *out = s;
    return ST_OK;
}

void service_close(struct service **sp)
{
    struct service *s = *sp;

    if (!s) /* a process that could not open them closes all the same */
        return;
    pauses_free(&s->drivers);
    foreign_free(&s->foreign);
    email_hints_free(&s->hints);
    stores_close(&s->stores);
    free(s);
    *sp = NULL;
}

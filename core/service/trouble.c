#include "service/trouble.h"

#include "store/outage.h"

#define ASK_MS 5000
#define ANSWER_MS 1000 /* so long an answer stands */

enum trouble_of trouble_met(struct trouble *t, const struct call *c,
                            enum status st, int64_t took_ms)
{
    t->row++;
    t->row_ms += took_ms;
    if (!outage_is(st) ||
        (t->asked_ms && clock_mono_ms() - t->asked_ms < ANSWER_MS))
        return TROUBLE_HIS;
    t->away = stores_answer(c->stores, deadline_in(ASK_MS), &t->why) != ST_OK;
    t->asked_ms = clock_mono_ms();
    return t->away ? TROUBLE_ALL : TROUBLE_HIS;
}

bool trouble_lasts(const struct trouble *t)
{
    return t->away || t->row >= TROUBLE_ROW || t->row_ms >= TROUBLE_ROW_MS;
}

void trouble_passed(struct trouble *t)
{
    t->row = 0;
    t->row_ms = 0;
    t->passed++;
}

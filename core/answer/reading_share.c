/* reading_share.c - what one driver's readers may take of the workers. */
#include "answer/reading.h"
#include "base/stats.h"
#include "driver/roster.h"

bool reading_may_make(struct reading *r)
{
    const struct sharer *s = &r->call.stores->sharer;

    if (r->place_ms || !view_chosen(&r->variant.view) ||
        !share_knows(s, r->call.user_id))
        return true;
    if (!share_take(s, r->call.user_id))
        return false;
    r->place_ms = clock_mono_ms();
    return true;
}

enum status reading_refuse(struct reading *r)
{
    const struct sharer *s = &r->call.stores->sharer;
    enum status st;

    stat_add(STAT_dear_refused, 1);
    st = err_set(r->call.err, ST_BUSY, "too_many_dear",
                 "%d workers (server.dear_workers) make pages or chosen fields "
                 "of drivers with many trips already, or all but one for this "
                 "driver",
                 s->places);
    r->call.err->again_s = share_again_s(s);
    return st;
}

/* Of all readers, whatever they ask for: who comes next is judged by it. */
void reading_learn(struct reading *r, const struct roster_look *look)
{
    const struct stores *s = r->call.stores;

    share_learn(&s->sharer, r->call.user_id,
                roster_look_over(look, (size_t)s->conf->answer_dear_trips,
                                 ANSWER_COLLECTED));
}

#include "store/rights.h"

#include <assert.h>
#include <stddef.h>

static const char *const places[PLACES] = {
    [PLACE_BUCKET] = "the bucket",
    [PLACE_OBJECTS] = "users/* and probe/*",
    [PLACE_INSTALLATION] = "installation.json",
    [PLACE_USERS] = "the users table",
    [PLACE_USERS_INDEX] = "the users table's index",
    [PLACE_TRIPS] = "the trips table",
    [PLACE_BATCHES] = "the batches table",
    [PLACE_BATCHES_INDEX] = "the batches table's index",
    [PLACE_SUMMARIES] = "the summaries table",
};

static const struct right_text rights[RIGHTS] = {
#define RIGHT(name, place, who, weight, action)                                \
    {PLACE_##place, WHO_##who, WEIGHT_##weight, action},
#include "store/rights.def"
#undef RIGHT
};

const struct right_text *right_text(enum right r)
{
    assert(r < RIGHTS);
    return &rights[r];
}

const char *right_place_text(enum right_place place)
{
    assert(place < PLACES);
    return places[place];
}

bool right_shown(enum status st)
{
    return st == ST_OK || st == ST_NOT_FOUND || st == ST_PRECONDITION ||
           st == ST_BUSY;
}

void tried_end(struct tried *t, enum status st, const struct err *err)
{
    if (right_shown(st))
        *t = (struct tried){.found = FOUND_THERE};
    else
        *t = (struct tried){st == ST_DENIED ? FOUND_REFUSED : FOUND_UNTOLD,
                            *err};
}

const struct tried *tried_worst(const struct tried t[RIGHTS],
                                enum right_place from, enum right_place to,
                                enum right_weight weight, enum right *which)
{
    for (int r = 0; r < RIGHTS; r++)
        if (t[r].found == FOUND_REFUSED && rights[r].weight == weight &&
            rights[r].place >= from && rights[r].place <= to) {
            *which = (enum right)r;
            return &t[r];
        }
    return NULL;
}

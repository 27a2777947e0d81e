/*
 * roster.h - the trips that a driver has, as of now: one object a trip.
 *
 * A listing is no snapshot; this is rule 4 of doc/consistency.md. A listed
 * object with no equal row in the summary is read as the very version that was
 * listed; one that is gone or another by then means that the listing is taken
 * again. A row that is not listed is looked for before it is dropped. Of two
 * objects of one trip the later counts. A row that lacks figures (another
 * version of this service wrote it) has them from its trip's text, which for
 * most is in a pack. Nothing is ever removed here.
 */
#ifndef DG_DRIVER_ROSTER_H
#define DG_DRIVER_ROSTER_H

#include "driver/call.h"
#include "driver/summary.h"
#include "driver/trip_object.h"
#include "store/stores.h"

/* Each is a whole listing. A driver whose trips come one a minute is read at
 * the first; four in a row are overtaken only by somebody who moves objects
 * about. */
#define ROSTER_TRIES 4
/* Hexadecimal: 128 bits of a hash, so that no two states are ever equal. */
#define ROSTER_STATE 32
#define USER_STATE 32

struct roster_trip {
    struct summary_row row;
    struct trip_text text; /* when it had to be read and there was room to keep
                              it, or the summary has it (not checked); else
                              empty */
    bool unreadable;
    bool restated; /* the row was wrong about the text, and is not any more */
};

struct roster {
    struct roster_trip **trip; /* newest end first, ties by trip id; all rows
                                  have their figures, but of the unreadable */
    size_t n;
    size_t unreadable;     /* trip objects left out because of that */
    struct summary seen;   /* the summary as it was read */
    int64_t read_began_ms; /* wall clock, before the first store read */
};

void roster_state(const struct roster *r, const struct user *u,
                  char out[ROSTER_STATE + 1]);
/*
    A hash of all that an answer about this driver is made of: the objects that
    count, how many do not, and what the user's record gives to it. Needs no
    object's body.
 */
void user_state(const struct user *u, char out[USER_STATE + 1]);
/*
    A hash of the record's part alone.
 */

struct roster_look; /* the listing and the summary */

enum status roster_look(const struct call *c,
                        struct roster_look **out) MUST_CHECK;
/*
    The first step of roster_read by itself, for who has to learn something
    else meanwhile that decides about the rest. It asks the object store alone.
 */

bool roster_look_over(const struct roster_look *look, size_t trips,
                      size_t bytes);
/*
    Whether it found more trips than that, or more bytes of texts, as far as the
    summary knows them.
 */

enum status roster_read(const struct call *c, struct roster_look *look,
                        struct roster *out) MUST_CHECK;
/*
    look: the first step, done just before with the same arena, or NULL.
    ST_OK with n 0 for a driver without trips. ST_UNAVAILABLE (code
    changing_too_fast) when the listing did not hold still ROSTER_TRIES times.
 */

void roster_keep_text(struct roster_trip *t, const struct trip_text *text,
                      size_t *room, struct arena *a);
/*
    For the answer, while there is room for so many bytes: it takes its own off.
 */

void roster_drop(const struct call *c, struct roster *r, struct roster_trip *t,
                 const struct err *why);
/*
    The trip's object turned out to be unreadable: counts and logs it; the trip
    stays in the list, marked.
 */

void roster_repair(const struct call *c, const struct roster *r);
/*
    Writes the summary anew if it does not say what the roster says and nobody
    else wrote it meanwhile, and packs what is due (packing.h). A failure is
    logged: the next read tries again.
 */
void roster_repair_later(const struct call *c, const struct roster *r);
/*
    The same after the call's answer. What the roster points to must live as
    long as the call's arena.
 */

#endif

/*
 * trip_texts.h - the texts of a roster's trips, a window at a time.
 *
 * A text that the roster has is taken as it is; the others come from the packs
 * that the rows name, where that saves reading, and from the trips' objects,
 * as the very versions that the roster saw. What a pack or the summary does
 * not have as the row says is read from its object, too, and the row then names
 * neither, so that the summary is repaired. In memory are the fragments of one
 * window, a few packs while they are read, and the unpacked text of one trip,
 * however many trips there are.
 */
#ifndef DG_DRIVER_TRIP_TEXTS_H
#define DG_DRIVER_TRIP_TEXTS_H

#include "driver/roster.h"

struct trip_texts;

struct trip_texts *trip_texts_new(const struct call *c, struct roster *r);
/*
    Lives until the arena is reset.
 */

enum status trip_texts_window(const struct call *c, struct trip_texts *t,
                              size_t from, size_t to, size_t *end) MUST_CHECK;
/*
    Reads what is needed for the roster's trips [from, *end): at least one, at
    most those before `to` that a window holds. They are there until the next
    call. ST_PRECONDITION: a trip's object is not what the roster saw any more.
 */

enum status trip_texts_get(const struct call *c, struct trip_texts *t, size_t i,
                           const struct trip_text **text,
                           struct str *json) MUST_CHECK;
/*
    The text of the roster's trip i, which is in the window; it was unpacked and
    its CRC compared. json: NULL, or where to say it unpacked, until the next
    call. *text is NULL for a trip that turned out to be unreadable: the
    roster knows (roster_drop). A row that is wrong about the text is put right
    (restated), so that the summary is repaired.
 */

#endif

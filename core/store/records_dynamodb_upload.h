/*
 * records_dynamodb_upload.h - what the three files of an upload share:
 * records_dynamodb_quick.c updates the record where that needs no look,
 * records_dynamodb_look.c reads what is there, records_dynamodb_upload.c
 * writes.
 */
#ifndef DG_STORE_RECORDS_DYNAMODB_UPLOAD_H
#define DG_STORE_RECORDS_DYNAMODB_UPLOAD_H

#include "store/batch_place.h"
#include "store/records_dynamodb.h"

struct batch_items { /* of the batch's number and beside it, by number */
    struct batch_here *here;
    struct json *item;
    size_t n, room;
};

struct upload {
    struct dynamodb *s;
    const struct batch *b; /* as the client sent it */
    int64_t now_us;
    struct deadline d;
    struct arena *arena;
    struct json trip, batch; /* as they were read; JSON_NONE: not there */
    int asked;
    bool counted;       /* upload_quick has updated the record, which was... */
    struct json before; /* ...so, as far as it is changed */
    struct batch_items stored;
    struct place place;
    struct batch as; /* as it is stored: under the number of its place */
};

#define UPLOAD_ROOM                                                            \
    "NOT #stored_deltas > :room_deltas AND NOT #stored_bytes > :room_bytes"
void upload_grow(struct ddb_expr *e, const struct trip_size *more);
/*
    The record counts what the trip's deltas grow by, and the values of
    UPLOAD_ROOM, the condition that there is room for it. A record that has not
    counted before begins at 0.
 */

enum status upload_quick(struct upload *u, struct batch_stored *out,
                         struct err *err) MUST_CHECK;
/*
    Updates the trip's record for a batch under its own number, in one call and
    without a read; sets out->created. ST_PRECONDITION, nothing changed: only a
    look can tell what to write.
 */

enum status upload_take_back(struct upload *u, struct err *err) MUST_CHECK;
/*
    Undoes that, if nobody has written to the record since: the batch of that
    number is another user's. A record that it made stays, with nothing counted.
 */

enum status upload_refuse(struct upload *u, struct err *err) MUST_CHECK;
/*
    After ST_TOO_LARGE, also of a record that holds no more because of another's
    trip_quality: undoes what was counted, and says trip_too_large.
 */

enum status upload_look(struct upload *u, struct err *err) MUST_CHECK;
/*
    Reads the trip and the batch of that number, both at once, and what stands
    beside it only if that batch is there; decides the place. ST_NOT_OWNER: one
    of them is another user's, and what upload_quick did is undone.
 */

bool upload_lists(const struct upload *u, const char *set, int64_t number);
/*
    Whether the number is in that set of the trip as it was read.
 */

#endif

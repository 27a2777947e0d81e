/*
 * answer.h - what is said about a driver: made from the roster, kept in the
 * cache for all hosts.
 *
 * An answer's body is `{` + what only this reader knows (whom he looked for,
 * the time) + `front` (the driver, the aggregate) + `,"trips":[` + trips +
 * `]}`: representation.h puts it together. Front and trips are the same for
 * every reader and are what the cache holds; what a reader may not see of the
 * front is left out when it is put together.
 */
#ifndef DG_ANSWER_ANSWER_H
#define DG_ANSWER_ANSWER_H

#include "answer/answer_list.h"
#include "answer/view.h"
#include "base/gzip_join.h"
#include "driver/roster.h"

struct answer {
    struct str email;  /* the driver's own, lower case: whose answer it is */
    struct str state;  /* of the roster it was made from: roster_state */
    struct str user;   /* of the record it was made from: user_state */
    struct str front;  /* JSON members, no comma around */
    struct str notice; /* the same, what every reader sees first; or empty */
    struct answer_list plain; /* JSON objects with commas between them */
    struct answer_list gzip;  /* the same text as gzip fragments */
    struct str members;       /* of each trip, that they show: fields_text */
    struct gzip_sum sum;      /* of `gzip` */
    size_t unreadable;
    bool streamed;   /* its trips are read while they are sent: once */
    struct str next; /* cursor of what lies behind the last trip; empty: nothing
                        does */
    int64_t read_began_ms;
};

/* Lists whose plain text is longer are not collected before they are sent. */
#define ANSWER_COLLECTED ((size_t)8 * 1024 * 1024)

struct answer_wish {
    const struct view *view;
    bool plain, gzip; /* codings */
};

enum status answer_make(const struct call *c, const struct user *u,
                        struct roster *r, const struct answer_wish *wish,
                        struct answer *out) MUST_CHECK;
/*
    Collects the trips that are wished for: what the roster did not keep of them
    is read. ST_PRECONDITION: a trip's object went meanwhile, take the roster
    again. ST_CORRUPT when the driver has trips and none can be read.

    A list over ANSWER_COLLECTED with all fields is `streamed`: nothing is read
    yet. Then a trip that goes while the list is sent is an error of its `each`
    (ST_PRECONDITION), in mid-answer: its length was announced.
 */

#endif

/*
 * texts.h - the texts of given rows, wherever they are.
 *
 * A text that is at hand is taken as it is. The others come from the packs that
 * the rows name, where that saves reading, and from the trips' own objects, as
 * the very versions that the rows are of; what a pack lacks, its object gives.
 * Packs and objects are read side by side. What it means that a pack or an
 * object is gone, spoilt or otherwise than its row says, the caller knows: a
 * reader repairs by it, a packer leaves it to readers.
 */
#ifndef DG_DRIVER_TEXTS_H
#define DG_DRIVER_TEXTS_H

#include "driver/call.h"
#include "driver/pack.h"
#include "driver/summary.h"
#include "driver/trip_object.h"

struct text_want {
    const struct summary_row *row;
    struct trip_text text; /* empty: to be looked for */
    bool no_pack; /* no pack is to be asked for it, or none had it: its object
                     is */
    bool over;    /* nothing is to be read for it (any more) */
};

struct pack_read { /* what came of a pack */
    int64_t number;
    struct str key;
    enum status st;           /* of getting and opening it */
    const struct object *obj; /* NULL: it was not got */
    const struct err *err;    /* why st is not ST_OK */
    size_t entries;           /* that it has */
    struct text_want **want;  /* whose texts were to be in it */
    size_t n, missing;        /* how many of them; those that are not */
};

struct texts {
    const struct call *c; /* what is found lives in its arena */
    struct text_want *want;
    size_t n;
    size_t pack_worth;    /* for fewer texts no pack is read */
    size_t packs_at_once; /* in memory */
    enum status (*pack_read)(void *ctx, const struct pack_read *p);
    enum status (*object_read)(void *ctx, struct text_want *w, enum status st,
                               const struct trip_text *text);
    void *ctx;
};

bool texts_lack(const struct texts *t);
/*
    Whether anything has to be read.
 */

enum status texts_gather(struct texts *t) MUST_CHECK;
/*
    Reads what is lacking. pack_read is told of every pack, with the texts that
    were in it in their places; object_read of every object, with *c->err saying
    why when st is not ST_OK, and has to put the text into its place if it is to
    be had. Any status of theirs but ST_OK ends the gathering.
 */

#endif

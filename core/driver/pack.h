/*
 * pack.h - many trips' analyses in one object, each as its fragment.
 *
 * users/{user_id}/packs/{number}.json.gz, derived from the trip objects and
 * never the truth: what a pack lacks, or says otherwise than the summary's
 * row, is read from the trip's object. A bundle (base/gzip_bundle.h) of
 *
 *   {"format":1, "user_id":U, "columns":["trip_id","end_ms","etag","length",
 *    "crc","deflate"], "trips":[[...], ...], "analyses":[A, ...]}
 *
 * with the analyses in the order of the index "trips": length and crc are
 * those of the text, deflate the bytes of its fragment.
 */
#ifndef DG_DRIVER_PACK_H
#define DG_DRIVER_PACK_H

#include "driver/summary.h"
#include "driver/trip_object.h"

#define PACK_MAX ((size_t)16 * 1024 * 1024) /* no pack as stored is larger */

struct pack_entry {
    struct str trip_id;
    int64_t end_ms;        /* of the object's key */
    struct etag etag;      /* of the object */
    struct trip_text text; /* its fragment */
};

struct pack {
    struct pack_entry *entry; /* by trip_id ascending */
    size_t n;
    struct str user_id; /* whose it says that it is; empty: it does not */
};

void pack_print(const struct pack_entry *entry, size_t n, struct str user_id,
                struct buf *out);
/*
    Appends the pack's body with the entries in that order. Whether it found
    room, buf_ok(out) says.
 */

enum status pack_open(struct str body, struct arena *a, struct pack *out,
                      struct err *err) MUST_CHECK;
/*
    Reads the index; the entries' fragments are views of body. ST_CORRUPT when
    it is not a pack of this format, or the index does not agree with what
    follows it. The texts are not unpacked: gzip_fragment_text() checks them.
 */

const struct pack_entry *pack_find(const struct pack *p,
                                   const struct summary_row *row);
/*
    What the pack has of the very object that the row is of: same trip, end
    time and ETag, and a text of the length, CRC and fragment that the row
    says; else NULL.
 */

void pack_unusable(struct str key, const struct err *why);
/*
    Counts and logs one that is missing, is none, or lacks what it should have:
    never an error for anybody.
 */

#endif

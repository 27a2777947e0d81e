/*
 * summary.h - a driver's summary: one row a trip, and the aggregate.
 *
 * users/{user_id}/summary.json.gz, derived from the trip objects and always
 * rebuildable. A row is complete when its object's key, ETag and size equal
 * the listing's; then the object need not be read for the aggregate. Rows are
 * merged by revision: a later row is never replaced (rule 3 of
 * doc/consistency.md).
 *
 *   {"format":1, "user_id":U, "updated_at":T, "aggregate":{...},
 *    "columns":["trip_id", ...], "trips":[[...], ...], "recent":[A, ...]}
 *
 * The columns are those of the table in summary_json.c and of
 * score/figures.def, by name, so that hosts of two versions may share a
 * summary: columns that a reader does not know are kept as they are; a row that
 * lacks a figure says so, and its trip's text tells it (roster.h). Trips are
 * sorted by trip id. It is a bundle (base/gzip_bundle.h) whose items are the
 * analyses of some trips that are in no pack yet (pack.h), so that no object
 * need be read for them: those whose "pack" is PACK_HERE, in the order of the
 * rows.
 */
#ifndef DG_DRIVER_SUMMARY_H
#define DG_DRIVER_SUMMARY_H

#include "base/gzip_join.h"
#include "base/rows.h"
#include "driver/call.h"
#include "score/aggregate.h"

#define SUMMARY_FORMAT 1
/* Some 300,000 trips at 400 bytes a row. Beyond, the driver goes without one:
 * every trip is read singly, but nothing is lost. */
#define SUMMARY_JSON_MAX ((size_t)128 * 1024 * 1024)

/* How many analyses the summary holds at most (the latest by end), and how
 * large a fragment one of them may be. Every finalize reads and writes them
 * all, so these bound what one costs; twice PACKING_DUE, for runs that fail. */
#define SUMMARY_RECENT_MAX 64
#define SUMMARY_RECENT_TEXT ((size_t)64 * 1024)

#define PACK_NONE 0
#define PACK_HERE (-1) /* in the object's text only: the summary has it */

struct summary_row {
    struct str trip_id;
    int64_t end_ms;      /* of the object's key */
    struct etag etag;    /* of the object */
    int64_t size;        /* bytes as stored */
    int64_t length;      /* bytes of the text inside, */
    int64_t crc;         /* its CRC-32, */
    int64_t deflate;     /* and bytes of the fragment that it is in answers */
    int64_t revision;    /* 0: not written by this service */
    int64_t modified_us; /* of the object; decides between revisions 0 */
    int64_t pack;        /* the number of the pack that has the text, too */
    struct str fragment; /* the text, where it is at hand; not checked */
    struct trip_figures figures;
    const struct row_rest *rest; /* figures that it lacks, cells of columns that
                                    are not ours; NULL: neither */
};

enum summary_state {
    SUMMARY_ABSENT,     /* there is none */
    SUMMARY_READ,       /* its rows are here */
    SUMMARY_UNREADABLE, /* as good as none: the next write replaces it */
    SUMMARY_REFUSED,    /* ST_DENIED: without rows, and left alone until it is
                           known that it alone is refused (roster.c) */
    SUMMARY_NEWER       /* of a later format than ours: left alone */
};

struct summary {
    struct summary_row *row; /* by trip_id ascending */
    size_t n;
    struct str user_id; /* whose it says that it is; empty: it does not */
    struct str *other;  /* names of columns that are not ours, */
    size_t others;      /* in the order of the rows' cells */
    struct etag etag;   /* of the summary object; empty: there is none, or it
                           is unreadable: then summary_write looks for it */
    enum summary_state state;
};

/* Whether the driver's summary and packs may be written and removed by what is
 * known here. */
static inline bool summary_is_ours(const struct summary *s)
{
    switch (s->state) {
    case SUMMARY_ABSENT:
    case SUMMARY_READ:
    case SUMMARY_UNREADABLE:
        return true;
    case SUMMARY_REFUSED:
    case SUMMARY_NEWER:
        return false;
    }
    return false;
}

/* ---- the bytes (summary_json.c) ---- */

void summary_print(const struct summary *s, struct str user_id, int64_t now_us,
                   struct arena *a, struct buf *out);
/*
    Appends the object's body. Fragments of rows in no pack go in as far as
    they fit; the other rows just say what they know. While a row lacks a figure
    there is no aggregate.
 */
enum status summary_parse(struct str body, struct arena *a, struct summary *out,
                          struct err *err) MUST_CHECK;
/*
    Fills rows, columns and state; strings and fragments live in the arena.
    ST_CORRUPT when it is not a summary, which includes a row that lacks
    anything but figures. Of one that is plain gzip no fragments are taken.
 */

/* ---- rows in memory ---- */

struct aggregate summary_aggregate(struct summary_row **rows, size_t n,
                                   struct arena *a);
/*
    Sorts the pointers as the aggregate wants them (newest start first, ties by
    end, then by trip id) and returns it. n > 0.
 */

void summary_row_text(struct summary_row *row, const struct gzip_sum *sum,
                      size_t deflate);
/*
    Sets what the row says of the object's text.
 */

struct gzip_sum summary_row_sum(const struct summary_row *row);
/*
    What the row says of the text.
 */

bool summary_row_has_text(const struct summary_row *row,
                          const struct gzip_sum *sum, size_t deflate);
/*
    Whether that is what it says.
 */

bool summary_row_is_of(const struct summary_row *row, int64_t end_ms,
                       const struct etag *etag);
/*
    Whether the row is of that very object of its trip: same key, same version.
 */

bool summary_row_lacks(const struct summary_row *row);
/*
    Whether any of its figures is not known.
 */

void summary_row_complete(struct summary_row *row,
                          const struct trip_figures *figures, struct arena *a);
/*
    Gives it all of them; cells that are not ours stay.
 */

struct summary_row *summary_find(const struct summary *s, struct str trip_id);

struct trip_age { /* what orders the analyses of one trip */
    int64_t revision, modified_us, end_ms;
};
bool trip_later(const struct trip_age *a, const struct trip_age *b);
bool summary_row_later(const struct summary_row *a,
                       const struct summary_row *b);
/*
    Whether a is a later analysis of the same trip than b: by revision; between
    equal ones by the object's time, then by key.
 */

enum merged { MERGED_NEW, MERGED_REPLACED, MERGED_SUPERSEDED };
enum merged summary_merge(struct summary *s, const struct summary_row *row,
                          struct arena *a, struct summary_row *other);
/*
    Puts the row in unless a later one of that trip is there. *other is the
    row that it replaced (MERGED_REPLACED) or that stays (MERGED_SUPERSEDED).
    The same revision again replaces (a repeat of the same finalize).
 */

/* ---- the object ---- */

enum status summary_read(const struct call *c, struct summary *out) MUST_CHECK;
/*
    ST_OK with no rows and an empty etag when there is none; with no rows and a
    warning in the log when it is unreadable (then the next write replaces it)
    or refused (out->state).
 */

enum status summary_got(const struct call *c, enum status st,
                        const struct object *obj, const struct err *why,
                        struct summary *out) MUST_CHECK;
/*
    What summary_read makes of what a get of the summary's key gave (as
    objects_got is called): for whoever gets it together with something else.
    ST_PRECONDITION, for a version that is there still, leaves *out as it is.
 */

enum status summary_write(const struct call *c, struct summary *sum) MUST_CHECK;
/*
    Only over the version that was read (sum->etag, or none); sum->etag is the
    new one then. summary_overtaken(): somebody else wrote.
 */
bool summary_overtaken(enum status st);

enum status summary_add(const struct call *c, struct summary *seen,
                        const struct summary_row *row, enum merged *how,
                        struct summary_row *other) MUST_CHECK;
/*
    Merges one row into the object: beginning with what was seen, and on a
    conflict again with what is there, with jitter, until a third of the
    deadline is left: then ST_BUSY ("given up": the next read repairs it).
 */

#endif

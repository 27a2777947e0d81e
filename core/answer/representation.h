/*
 * representation.h - an answer as one reader gets it: a view, a coding, bytes.
 *
 * A variant is all that decides about the bytes beside the driver's state: whom
 * the reader looked for, the view (with what he may see), the coding. Its bytes
 * are made once for a driver token, and kept beside it:
 *
 *   small ones in the cache, in the entry of the variant itself, so that a hot
 *   answer is one round trip;
 *   large ones in a file of this host, and the entry says so;
 *   where there are no files, only the ETag: the trips in the cache are put
 *   together anew, which copies them, but compresses nothing.
 *
 * So analysis_timestamp is the moment at which the bytes were made, and the
 * ETag (a hash of the driver's state and the variant) is a weak one.
 */
#ifndef DG_ANSWER_REPRESENTATION_H
#define DG_ANSWER_REPRESENTATION_H

#include "answer/answer.h"
#include "answer/negotiate.h"

struct variant {
    struct str searched_by;
    struct view view;
    enum coding coding;
    struct str name; /* the cache's word for it: a hash of the others */
};
void variant_name(struct variant *v, struct arena *a);
/*
    Sets the name.
 */
struct str variant_etag(const struct variant *v, struct str state,
                        struct arena *a);
/*
    With its quotes. The variant has its name; state: roster_state.
 */

struct body {
    struct str front;
    struct answer_list trips; /* or none */
    struct str back;
};
size_t body_length(const struct body *b);
enum status body_each(const struct body *b, files_take take, void *to,
                      struct err *err) MUST_CHECK;
/*
    All its bytes in order, body_length() of them; of a streamed answer once.
 */

enum status body_make(const struct variant *v, const struct answer *ans,
                      struct arena *a, struct body *out,
                      struct err *err) MUST_CHECK;
/*
    The answer has the trips of the view in the variant's coding, and its whole
    front: what the view leaves out of that is left out here. ST_CORRUPT: then
    the front (out of the cache) is looked at, and is no JSON.
 */

/* ---- kept for the next reader ---- */

/* Bodies up to this go into the cache's entry, which every look of that variant
 * brings whole: what is larger would cost those who have it already. */
#define KEPT_IN_ENTRY ((size_t)32 * 1024)

struct kept { /* the entry of a variant */
    struct str etag;
    bool file, here; /* where the body is, if it is kept at all */
    struct str body; /* here */
};
enum status kept_read(struct str head, struct kept *out,
                      struct err *err) MUST_CHECK;
/*
    ST_NOT_FOUND: of another format.
 */

struct keeping {
    const struct call *c;
    const struct variant *variant;
    const struct cache_token *token;
    struct str user; /* user_state of the record that the answer is made of */
    int64_t read_began_ms;
};
bool kept_in_file(const struct keeping *k, struct file_name *name);
/*
    Whether this host has the file of the variant; sets its name.
 */
bool keep_body(const struct keeping *k, struct str etag, const struct body *b,
               struct file_name *name);
/*
    Where it belongs; true if that is a file (its name is set). No failure
    matters to the reader; it is counted.
 */
enum status keep_while_sent(const struct keeping *k, struct str etag,
                            const struct body *b, files_take take,
                            void *to) MUST_CHECK;
/*
    Hands a body to the reader, and keeps it as a file meanwhile, if it can. The
    status is that of body and reader alone.
 */
void keep_etag(const struct keeping *k, struct str etag, bool file);
/*
    When there is no new body: for the next reader who has it, or (file) for
    those to whom this host's file can be given.
 */

#endif

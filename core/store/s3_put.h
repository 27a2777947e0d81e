/*
 * s3_put.h - an object as the service puts it, and the proof that a bucket
 * takes such objects.
 *
 * What objects_s3_write.c, the check behind /readyz and the operator's
 * bucket init share, so that none of them proves something else than what is
 * done.
 */
#ifndef DG_STORE_S3_PUT_H
#define DG_STORE_S3_PUT_H

#include "store/s3.h"

struct s3_put {
    struct str key, body;
    const struct object_meta *meta; /* NULL: none */
    enum object_condition cond;
    const struct etag *match; /* for COND_MATCH */
    struct deadline d;
};

enum status s3_put(const struct s3 *s, const struct s3_put *p, struct arena *a,
                   struct aws_reply *reply, struct etag *out,
                   struct err *err) MUST_CHECK;
/*
    One request, as aws_call, under the condition as it is: whether this server
    keeps it is the caller's business. ST_PRECONDITION also when nothing is
    there to match.
 */

enum status s3_refuses(const struct s3 *s, struct deadline d, struct arena *a,
                       bool *out, struct err *err) MUST_CHECK;
/*
    Whether a PUT with a wrong ETag is refused, as it has to be: S3_STANDING is
    what such a PUT may write over. *out is false also when the server says that
    it has no such condition (501).
 */

#define S3_RACERS 8
enum status s3_race(const struct s3 *s, struct deadline d, struct arena *a,
                    int *winners, struct err *err) MUST_CHECK;
/*
    So many PUTs at once of an object that is not there, each under the
    condition that it is not: how many pass. More than one shows that the server
    looks and writes in two steps; one proves nothing. The object is removed.
 */

enum status s3_prove(const struct s3 *s, struct deadline d, struct arena *a,
                     struct err *err) MUST_CHECK;
/*
    Puts an object of no use to anybody, as a new trip is put, reads it back
    and removes it, in a bucket with versions for good. The text says which of
    the three failed, and why; if the removal failed as well, both.
 */

#define S3_STANDING "probe/write"

enum status s3_accepts(const struct s3 *s, bool write, struct deadline d,
                       struct arena *a, struct err *err) MUST_CHECK;
/*
    Whether a PUT is accepted.

    Without `write` nothing is written: S3_STANDING is put under the condition
    of an ETag that it cannot have. Rights, encryption and blocks of public
    access are looked at before the condition (by Ceph 16, 18 and 20, where it
    was tried; AWS's documents do not say it of a key of KMS that cannot be
    used). So the refusal by the condition is the good answer. A server
    that knows no If-Match writes the object; one that says so is asked without.

    With `write` it is certain. The object stays; in a bucket with versions
    each time makes one more, so that is for rare occasions.
 */

#endif

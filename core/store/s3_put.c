#include "store/s3_put.h"

#include <assert.h>
#include <string.h>
#include "base/random.h"
#include "store/http.h"

/* ---- an object ---- */

#define PUT_HEADERS 7

static size_t object_headers(struct sigv4_pair h[PUT_HEADERS],
                             const struct s3_put *p, struct arena *a)
{
    const struct object_meta *m = p->meta;
    const struct sigv4_pair all[] = {
        {STR_LIT("content-type"), STR_LIT("application/json")},
        {STR_LIT("content-encoding"),
         str_ends(p->key, STR_LIT(".json")) ? STR_NONE : STR_LIT("gzip")},
        {STR_LIT("content-md5"), s3_md5(p->body, a)},
        {STR_LIT("x-amz-meta-trip_id"), m ? m->trip_id : STR_NONE},
        {STR_LIT("x-amz-meta-user_id"), m ? m->user_id : STR_NONE},
        {STR_LIT("x-amz-meta-behavior_score"),
         m ? m->behavior_score : STR_NONE},
        {STR_LIT("if-none-match"),
         p->cond == COND_ABSENT ? STR_LIT("*") : STR_NONE},
        /* AWS takes it with quotes or without, Ceph's gateway only without. */
        {STR_LIT("if-match"),
         p->cond == COND_MATCH ? str_of(p->match->z) : STR_NONE},
    };
    size_t n = 0;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].value.n)
            h[n++] = all[i];
    assert(n <= PUT_HEADERS);
    return n;
}

enum status s3_put(const struct s3 *s, const struct s3_put *p, struct arena *a,
                   struct aws_reply *reply, struct etag *out, struct err *err)
{
    struct sigv4_pair header[PUT_HEADERS];
    struct s3_ask ask = {.method = "PUT",
                         .key = p->key,
                         .header = header,
                         .headers = object_headers(header, p, a),
                         .body = p->body,
                         .max = S3_XML_MAX,
                         .own = s3_own_version};
    enum status st = s3_call(s, &ask, p->d, a, reply, err);

    if (st == ST_NOT_FOUND && p->cond == COND_MATCH)
        return err_set(err, ST_PRECONDITION, NULL, "%.*s: is not there",
                       STR_ARG(p->key));
    if (st == ST_OK)
        (void)s3_etag(http_header(reply->head, "etag"), out);
    return st;
}

/* ---- the proof ---- */

/* {} as gzip has it: what says that it is gzip and is not may be refused. */
static const char probe_bytes[] = {
    0x1f,       (char)0x8b, 8,          0,          0, 0, 0,    0,
    0,          3,          (char)0xab, (char)0xae, 5, 0, 0x43, (char)0xbf,
    (char)0xa6, (char)0xa3, 2,          0,          0, 0};
static const struct str probe_body = {probe_bytes, sizeof probe_bytes};
static const struct object_meta probe_meta = {STR_LIT("probe"),
                                              STR_LIT("probe"), STR_LIT("0")};

static enum status probe_reads_back(const struct s3 *s, struct str key,
                                    struct deadline d, struct arena *a,
                                    struct err *err)
{
    struct s3_ask ask = {
        .method = "GET", .key = key, .max = S3_XML_MAX, .own = s3_own_version};
    struct aws_reply reply;
    enum status st = s3_call(s, &ask, d, a, &reply, err);

    if (st == ST_OK && !str_eq(reply.body, probe_body))
        return err_set(err, ST_CORRUPT, NULL,
                       "GET %.*s: not what was put there", STR_ARG(key));
    return st;
}

static enum status probe_remove_version(const struct s3 *s, struct str key,
                                        struct str version, struct deadline d,
                                        struct arena *a,
                                        struct aws_reply *reply,
                                        struct err *err)
{
    struct sigv4_pair query = {STR_LIT("versionId"), version};
    struct s3_ask ask = {.method = "DELETE",
                         .key = key,
                         .query = &query,
                         .queries = version.n > 0,
                         .max = S3_XML_MAX,
                         .own = s3_own_removal};

    return s3_call(s, &ask, d, a, reply, err);
}

/* Where versions are suspended, the PUT names none, and the removal leaves a
 * marker, which is the version to remove. */
static enum status probe_remove(const struct s3 *s, struct str key,
                                struct str version, struct deadline d,
                                struct arena *a, struct err *err)
{
    struct aws_reply reply;
    enum status st = probe_remove_version(s, key, version, d, a, &reply, err);

    if (st == ST_OK && version.n == 0 &&
        str_is(http_header(reply.head, "x-amz-delete-marker"), "true"))
        st = probe_remove_version(s, key,
                                  http_header(reply.head, "x-amz-version-id"),
                                  d, a, &reply, err);
    return st;
}

enum status s3_prove(const struct s3 *s, struct deadline d, struct arena *a,
                     struct err *err)
{
    char hex[RANDOM_HEX + 1];
    struct s3_put p = {
        .body = probe_body, .meta = &probe_meta, .cond = COND_ABSENT, .d = d};
    struct err left = ERR_NONE, first;
    struct aws_reply reply;
    struct etag etag;
    const char *tail;
    enum status st;

    random_hex(hex);
    p.key = arena_printf(a, "probe/%s", hex);
    st = s3_put(s, &p, a, &reply, &etag, err);
    if (reply.code == 501) { /* the service goes without, too */
        p.cond = COND_NONE;
        st = s3_put(s, &p, a, &reply, &etag, err);
    }
    if (st != ST_OK)
        return st;
    st = probe_reads_back(s, p.key, d, a, err);
    if (probe_remove(s, p.key, http_header(reply.head, "x-amz-version-id"), d,
                     a, &left) == ST_OK)
        return st;
    if (st == ST_OK)
        return err_set(err, left.st, NULL, "%s", left.text);
    /* The address is the same: what is behind it counts. */
    first = *err;
    tail = strstr(left.text, hex);
    return err_set(err, st, NULL, "%.280s; and DELETE%.200s", first.text,
                   tail ? tail + RANDOM_HEX : left.text);
}

/* ---- the race ---- */

struct race {
    const struct s3 *s;
    struct str key;
    int given, won;
};

static bool race_next(void *ctx, struct arena *a, struct aws_request *out)
{
    struct race *r = ctx;
    const struct s3_put p = {
        .key = r->key, .body = probe_body, .cond = COND_ABSENT};
    struct sigv4_pair *header = arena_alloc(a, PUT_HEADERS * sizeof *header);

    if (r->given == S3_RACERS)
        return false;
    r->given++;
    *out = (struct aws_request){.method = "PUT",
                                .path = s3_path(r->s, p.key, a),
                                .header = header,
                                .headers = object_headers(header, &p, a),
                                .body = p.body,
                                .max_body = S3_XML_MAX,
                                .own = s3_own_version};
    return true;
}

/* Who fails loses; one whose answer was lost may meet its own object. */
static enum status race_done(void *ctx, const struct aws_request *r,
                             enum status st, const struct aws_reply *reply,
                             const struct err *err)
{
    (void)r;
    (void)err;
    ((struct race *)ctx)->won += st == ST_OK && !reply->unsure;
    return ST_OK;
}

enum status s3_race(const struct s3 *s, struct deadline d, struct arena *a,
                    int *winners, struct err *err)
{
    char hex[RANDOM_HEX + 1];
    struct race r = {.s = s};
    enum status st;

    random_hex(hex);
    r.key = arena_printf(a, "probe/%s", hex);
    st = aws_run(s->aws, race_next, race_done, &r, d);
    *winners = r.won;
    return st == ST_OK ? probe_remove(s, r.key, STR_NONE, d, a, err) : st;
}

/* ---- without a trace ---- */

/* What is there is compared with an ETag that it cannot have. */
static bool probe_refused_by_condition(enum status st,
                                       const struct aws_reply *reply)
{
    /* Another host was writing it just then, so it is accepted; but there are
     * conflicts of other kinds. */
    if (st == ST_BUSY)
        return strcmp(reply->fault, "OperationAborted") != 0;
    return st == ST_PRECONDITION;
}

/* One that is written over by nobody who keeps conditions. */
static enum status probe_standing(const struct s3 *s,
                                  enum object_condition cond,
                                  const struct object_meta *meta,
                                  struct deadline d, struct arena *a,
                                  struct aws_reply *reply, struct err *err)
{
    const struct etag none = {"00000000000000000000000000000000"};
    struct s3_put p = {.key = STR_LIT(S3_STANDING),
                       .body = probe_body,
                       .meta = meta,
                       .cond = cond,
                       .match = &none,
                       .d = d};
    struct etag etag;

    return s3_put(s, &p, a, reply, &etag, err);
}

enum status s3_refuses(const struct s3 *s, struct deadline d, struct arena *a,
                       bool *out, struct err *err)
{
    struct aws_reply reply;
    enum status st =
        probe_standing(s, COND_MATCH, &probe_meta, d, a, &reply, err);

    *out = st == ST_PRECONDITION;
    return *out || reply.code == 501 ? ST_OK : st;
}

/* The signature fits without our metadata: they do not arrive as they were
 * signed. */
static bool probe_lost_metadata(const struct s3 *s,
                                const struct aws_reply *refusal,
                                struct deadline d, struct arena *a)
{
    struct aws_reply reply;
    struct err none = ERR_NONE;

    return strcmp(refusal->fault, "SignatureDoesNotMatch") == 0 &&
           probe_standing(s, COND_NONE, NULL, d, a, &reply, &none) == ST_OK;
}

enum status s3_accepts(const struct s3 *s, bool write, struct deadline d,
                       struct arena *a, struct err *err)
{
    struct aws_reply reply;
    struct err why = ERR_NONE;
    enum status st = probe_standing(s, write ? COND_NONE : COND_MATCH,
                                    &probe_meta, d, a, &reply, &why);

    if (!write && reply.code == 501)
        return s3_accepts(s, true, d, a, err);
    if (st == ST_OK || (!write && probe_refused_by_condition(st, &reply)))
        return ST_OK;
    if (probe_lost_metadata(s, &reply, d, a))
        err_set(
            err, st, "metadata_lost",
            "headers like x-amz-meta-trip_id do not arrive: an nginx before "
            "the store needs \"underscores_in_headers on\"; %.200s",
            why.text);
    else
        err_set(err, st, why.code, "%s", why.text);
    return err_add(err, "no object is accepted");
}

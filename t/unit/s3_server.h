/* s3_server.h - a small server that keeps S3's promises or breaks them. */
#ifndef DG_T_S3_SERVER_H
#define DG_T_S3_SERVER_H

#include "base/digest.h"
#include "t/unit/server.h"

/* The server's modes. */
enum {
    IGNORES_ABSENT = 1,
    REFUSES_MATCH = 2,
    IGNORES_DELETE_MATCH = 4,
    LOSES_ANSWER = 8, /* once: does as asked, says nothing */
    DAMAGES = 16,
    NO_ETAG = 32,
    DASHES = 64,
    BY_KMS = 128,
    BAD_PAGE = 256,
    REFUSES_PROBE = 512,
    CUTS = 1024,
    IGNORES_MATCH = 2048,
    FORGETS = 4096, /* what is to be matched is not there */
    NOT_S3 = 8192,  /* 404, in nobody's words */
    ARCHIVES = 16384,
    CHUNKS = 32768,  /* no length */
    UNPACKS = 65536, /* the text of what is gzip, unless gzip is asked for */
    NO_LENGTH = 131072,
    NO_CONDITIONS = 262144, /* 501 to a PUT that has one */
    DROPS_META = 524288,    /* what nginx does to headers with underscores */
    RACES = 1048576         /* lets writers that meet pass */
};

#define KEPT_MAX 32
static struct kept {
    char path[200], body[200], etag[33], meta[100];
} kept[KEPT_MAX];

static struct kept *find(const char *path, bool make)
{
    for (int i = 0; i < KEPT_MAX; i++)
        if (strcmp(kept[i].path, path) == 0)
            return &kept[i];
    for (int i = 0; make && i < KEPT_MAX; i++)
        if (kept[i].path[0] == '\0') {
            snprintf(kept[i].path, sizeof kept[i].path, "%s", path);
            return &kept[i];
        }
    return NULL;
}

/* The value of a request's header, "" without it. */
static const char *header(const char *request, const char *name)
{
    static _Thread_local char value[200];
    char mark[64];
    const char *at;

    snprintf(mark, sizeof mark, "\r\n%s: ", name);
    at = strcasestr(request, mark);
    at = at ? at + strlen(mark) : "";
    at += *at == '"'; /* an ETag with quotes, or without */
    snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\"\r"), at);
    return value;
}

static void fault(int fd, int code, const char *name)
{
    char text[100];

    snprintf(text, sizeof text, "<Error><Code>%s</Code></Error>", name);
    server_reply(fd, code, "", text);
}

static void do_put(int fd, struct server_seen *seen, const char *path,
                   const char *request)
{
    struct kept *k = find(path, false);
    bool absent = header(request, "if-none-match")[0] == '*';
    char head[100];
    unsigned char md[MD5_SIZE];
    bool sum = header(request, "content-md5")[0] != '\0';
    const char *match = header(request, "if-match"); /* until the next call */

    if (!sum) { /* as with Object Lock */
        fault(fd, 400, "InvalidRequest");
        return;
    }
    if (seen->mode & NO_CONDITIONS && (absent || match[0])) {
        fault(fd, 501, "NotImplemented");
        return;
    }
    if (seen->mode & DROPS_META && strstr(request, "x-amz-meta-trip_id")) {
        fault(fd, 403, "SignatureDoesNotMatch");
        return;
    }
    if (strstr(path, "probe/") && seen->mode & REFUSES_PROBE) {
        fault(fd, 403, "AccessDenied");
        return;
    }
    if (absent && k && !(seen->mode & IGNORES_ABSENT) &&
        !(seen->mode & RACES && strstr(path, "probe/"))) {
        fault(fd, 412, "PreconditionFailed");
        return;
    }
    if (seen->mode & IGNORES_MATCH)
        match = "";
    if (seen->mode & NOT_S3) {
        server_reply(fd, 404, "", "Not here");
        return;
    }
    if (match[0] && (!k || seen->mode & FORGETS)) {
        fault(fd, 404, "NoSuchKey");
        return;
    }
    if (match[0] && (strcmp(match, k->etag) || seen->mode & REFUSES_MATCH)) {
        fault(fd, 412, "PreconditionFailed");
        return;
    }
    k = find(path, true);
    snprintf(k->body, sizeof k->body, "%s", strstr(request, "\r\n\r\n") + 4);
    snprintf(k->meta, sizeof k->meta, "%s",
             header(request, "x-amz-meta-trip_id"));
    digest_md5(str_of(k->body), md);
    digest_hex(md, MD5_SIZE, k->etag);
    snprintf(head, sizeof head, "ETag: \"%s\"\r\n", k->etag);
    if (seen->mode & LOSES_ANSWER)
        seen->mode &= ~LOSES_ANSWER;
    else
        server_reply(fd, 200, head, "");
}

static void do_get(int fd, struct server_seen *seen, const char *path,
                   const char *request)
{
    struct kept *k = find(path, false);
    const char *match;
    char head[400], body[200];
    int n;

    if (k && strcmp(header(request, "if-none-match"), k->etag) == 0 &&
        !(seen->mode & IGNORES_ABSENT)) {
        server_say(fd, "HTTP/1.1 304 Not Modified\r\n\r\n");
        return;
    }
    match = header(request, "if-match");
    if (seen->mode & NOT_S3) {
        server_reply(fd, 404, "",
                     strncmp(request, "HEAD", 4) == 0 ? "" : "Not here");
        return;
    }
    if (!k) {
        fault(fd, 404, "NoSuchKey");
        return;
    }
    if (match[0] && strcmp(match, k->etag)) {
        fault(fd, 412, "PreconditionFailed");
        return;
    }
    if (seen->mode & ARCHIVES) {
        fault(fd, 403, "InvalidObjectState");
        return;
    }
    snprintf(body, sizeof body, "%s", k->body);
    if (seen->mode & DAMAGES)
        body[0] ^= 1;
    if (seen->mode & UNPACKS)
        snprintf(body, sizeof body, "{\"a\":1}");
    n = snprintf(head, sizeof head,
                 "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                 "x-amz-meta-%s: %s\r\n%s",
                 seen->mode & DASHES ? "trip-id" : "trip_id", k->meta,
                 seen->mode & BY_KMS ? "x-amz-server-side-encryption: aws:kms"
                                       "\r\n"
                                     : "");
    if (!(seen->mode & NO_ETAG))
        snprintf(head + n, sizeof head - (size_t)n, "ETag: \"%s\"\r\n",
                 k->etag);
    if (seen->mode & CUTS) {
        server_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf");
        shutdown(fd, SHUT_WR);
    } else if (seen->mode & NO_LENGTH) {
        server_say(fd, "HTTP/1.0 200 OK\r\n");
        server_say(fd, head);
        server_say(fd, "\r\n");
        server_say(fd, body);
        shutdown(fd, SHUT_WR);
    } else if (seen->mode & CHUNKS) {
        server_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n");
        server_say(fd, head);
        server_say(fd, "\r\n");
        snprintf(head, sizeof head, "%zx\r\n%s\r\n0\r\n\r\n", strlen(body),
                 body);
        server_say(fd, head);
    } else if (strncmp(request, "HEAD", 4) == 0) {
        server_say(fd, "HTTP/1.1 200 OK\r\n");
        server_say(fd, head);
        server_say(fd, "Content-Length: 0\r\n\r\n");
    } else {
        server_reply(fd, 200, head, body);
    }
}

static void do_delete(int fd, struct server_seen *seen, const char *path,
                      const char *request)
{
    struct kept *k = find(path, false);
    const char *match = header(request, "if-match");

    if (k && match[0] && strcmp(match, k->etag) &&
        !(seen->mode & IGNORES_DELETE_MATCH)) {
        fault(fd, 412, "PreconditionFailed");
        return;
    }
    if (k)
        k->path[0] = '\0';
    if (seen->mode & LOSES_ANSWER)
        seen->mode &= ~LOSES_ANSWER;
    else
        server_say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
}

#define ENTRY(key, size)                                                       \
    "<Contents><Key>" key "</Key><LastModified>2025-12-20T14:31:34.000Z"       \
    "</LastModified><ETag>&quot;e&quot;</ETag><Size>" size                     \
    "</Size></Contents>"

/* As some servers list what is none of their objects. */
#define FOLDER                                                                 \
    "<Contents><Key>users/u@x/trips/f/</Key><LastModified>0001-01-01T00:00:00" \
    "Z</LastModified><Size>7</Size></Contents>"

static void do_list(int fd, struct server_seen *seen, const char *request)
{
    bool second =
        strstr(request, "?continuation-token=a%2Bb%2F%3D%26&") != NULL;

    if (strstr(request, "delimiter=%2F"))
        server_reply(fd, 200, "",
                     "<ListBucketResult><IsTruncated>false</IsTruncated>"
                     "<CommonPrefixes><Prefix>users/a/</Prefix>"
                     "</CommonPrefixes><CommonPrefixes><Prefix>users/b+c/"
                     "</Prefix></CommonPrefixes></ListBucketResult>");
    else if (!second)
        server_reply(
            fd, 200, "",
            "<ListBucketResult><EncodingType>url</EncodingType>"
            "<IsTruncated>true</IsTruncated><NextContinuationToken>"
            "a+b/=&amp;</NextContinuationToken>" ENTRY(
                "users%2Fu%40x%2Ftrips%2Fa+b%2B%C3%BC", "5")
                ENTRY("users/u%40x/trips/c", "77") "</ListBucketResult>");
    else if (seen->mode & BAD_PAGE)
        server_reply(fd, 200, "",
                     "<ListBucketResult><IsTruncated>false</IsTruncated>"
                     "<Contents><Key></Key></Contents></ListBucketResult>");
    else
        server_reply(fd, 200, "",
                     "<ListBucketResult><IsTruncated>false</IsTruncated>" ENTRY(
                         "users/u@x/trips/d", "0") FOLDER
                     "</ListBucketResult>");
}

static bool answer(struct server_seen *seen, int fd, const char *request, int n)
{
    static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
    char path[200];
    const char *at = strchr(request, ' ') + 1;
    bool loses = seen->mode & LOSES_ANSWER;

    (void)n;
    snprintf(path, sizeof path, "%.*s", (int)strcspn(at, " "), at);
    pthread_mutex_lock(&one);
    if (strchr(path, '?'))
        do_list(fd, seen, request);
    else if (strncmp(request, "PUT", 3) == 0)
        do_put(fd, seen, path, request);
    else if (strncmp(request, "DELETE", 6) == 0)
        do_delete(fd, seen, path, request);
    else
        do_get(fd, seen, path, request);
    pthread_mutex_unlock(&one);
    return !(loses && !(seen->mode & LOSES_ANSWER));
}

#endif

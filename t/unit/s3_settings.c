/*
 * What a bucket of ours should be: each setting read, set and taken back, on a
 * small server that keeps the documents, or knows none of them.
 */
#include "store/s3_settings.h"

#include "base/log.h"
#include "store/s3_admin.h"
#include "t/unit/server.h"
#include "t/unit/tap.h"

/* The server's modes. */
enum {
    KEEPS,
    DOES_NOTHING, /* says yes, and that is all */
    OVERLOOKS,    /* takes all that is asked for the bucket itself */
    NO_SUCH_THING /* 501 */
};
/* What it counts. */
enum { PUTS, DELETES, BUCKETS_DELETED };

static struct server srv;
static struct conf conf;
static struct arena *arena;
static struct err err;
static struct s3 s3;

/* ---- the server ---- */

static char documents[4][2000];

static char *document_of(const char *request)
{
    static const char *const names[] = {"?publicAccessBlock= ", "?encryption= ",
                                        "?versioning= ", "?lifecycle= "};

    for (int i = 0; i < 4; i++)
        if (strstr(request, names[i]))
            return documents[i];
    return NULL;
}

static void keep(int fd, struct server_seen *seen, const char *request,
                 char *document)
{
    if (strncmp(request, "PUT", 3) == 0) {
        if (seen->mode == KEEPS)
            snprintf(document, 2000, "%s", strstr(request, "\r\n\r\n") + 4);
        server_reply(fd, 200, "", "");
    } else if (strncmp(request, "DELETE", 6) == 0) {
        document[0] = '\0';
        server_reply(fd, 204, "", "");
    } else if (document[0]) {
        server_reply(fd, 200, "", document);
    } else {
        server_reply(fd, 404, "",
                     "<Error><Code>NoSuchConfiguration</Code>"
                     "</Error>");
    }
}

static bool answer(struct server_seen *seen, int fd, const char *request, int n)
{
    char *document = document_of(request);
    bool del = strncmp(request, "DELETE", 6) == 0;

    (void)n;
    seen->count[PUTS] += strncmp(request, "PUT", 3) == 0;
    seen->count[DELETES] += del;
    if (seen->mode == NO_SUCH_THING)
        server_reply(fd, 501, "", "");
    else if (document && seen->mode != OVERLOOKS)
        keep(fd, seen, request, document);
    else {
        seen->count[BUCKETS_DELETED] += del;
        server_reply(fd, 200, "", del ? "" : "<ListBucketResult/>");
    }
    return true;
}

/* ---- one setting ---- */

static const struct s3_setting *x; /* the one that is tried */

static struct deadline soon(void)
{
    return deadline_in(5000);
}

static void choose(const char *name)
{
    for (size_t i = 0; i < s3_settings_count; i++)
        if (strcmp(s3_settings[i].name, name) == 0)
            x = &s3_settings[i];
    srv.seen->mode = KEEPS;
    srv.seen->count[PUTS] = srv.seen->count[DELETES] = 0;
    err_clear(&err);
}

/* Another hand's document. */
static void write_there(const char *text)
{
    struct aws_reply reply;

    CHECK(s3_send(&s3, "PUT", x->query, str_of(text), soon(), arena, &reply,
                  &err) == ST_OK);
}

static enum status read_it(struct s3_document *out)
{
    return s3_setting_read(&s3, x, soon(), arena, out, &err);
}

static bool is_set(void)
{
    struct s3_document now;

    return read_it(&now) == ST_OK && now.is_set;
}

/* Exactly this is in the document. */
static bool holds(const char *inner)
{
    struct s3_document now;

    return read_it(&now) == ST_OK && str_is(now.there.inner, inner);
}

static enum status set(struct s3_document *before)
{
    return read_it(before) == ST_OK
               ? s3_setting_set(&s3, x, before, soon(), arena, &err)
               : err.st;
}

static enum status take_back(const struct s3_document *before)
{
    return s3_setting_take_back(&s3, x, before, soon(), arena, &err);
}

/* Where nothing was, nothing is left but what cannot be taken away. */
static void there_and_back(const char *name, const char *left)
{
    struct s3_document before;

    choose(name);
    for (int i = 0; i < 2; i++) {
        CHECK(!is_set() && set(&before) == ST_OK && is_set());
        CHECK(take_back(i == 0 ? &before : NULL) == ST_OK);
        CHECK(!is_set() && holds(left));
    }
    CHECK((srv.seen->count[DELETES] == 0) == (left[0] != '\0'));
    /* What is not there is not taken back, by no means with a DELETE. */
    srv.seen->count[DELETES] = 0;
    CHECK(take_back(NULL) == ST_NO_METHOD && srv.seen->count[DELETES] == 0);
}

/* ---- what another has put there ---- */

static void half_a_block(void)
{
    static const char half[] = "<BlockPublicAcls>true</BlockPublicAcls>";
    struct s3_document before;

    choose("public-access-block");
    write_there(arena_printf(arena,
                             "<BlockPublicAccessBlockConfiguration>%s"
                             "</BlockPublicAccessBlockConfiguration>",
                             half)
                    .p);
    CHECK(!is_set() && holds(half));
    CHECK(set(&before) == ST_OK && is_set());
    CHECK(take_back(&before) == ST_OK && holds(half));
    CHECK(srv.seen->count[DELETES] == 0);
    CHECK(set(&before) == ST_OK && take_back(NULL) == ST_OK && holds(""));
}

static void rules_of_others(void)
{
    static const char other[] =
        "<Rule><ID>of others</ID><Status>Enabled</Status></Rule>";
    struct s3_document before;

    choose("expiry");
    write_there(arena_printf(arena,
                             "<LifecycleConfiguration>%s<Rule><ID>"
                             "driveguard-old-versions</ID><Status>Disabled"
                             "</Status></Rule></LifecycleConfiguration>",
                             other)
                    .p);
    CHECK(!is_set() && set(&before) == ST_OK);
    CHECK(strstr(srv.seen->last, "\r\ncontent-md5: ") &&
          strstr(srv.seen->last, other) &&
          strstr(srv.seen->last, "<NoncurrentDays>30<") &&
          !strstr(srv.seen->last, "Disabled"));
    CHECK(is_set() && take_back(NULL) == ST_OK && holds(other));
    CHECK(set(&before) == ST_OK && take_back(&before) == ST_OK && holds(other));
    CHECK(srv.seen->count[DELETES] == 0);
}

/* ---- servers that know less ---- */

static void knowing_less(void)
{
    for (size_t i = 0; i < s3_settings_count; i++) {
        struct s3_document before = {0};

        choose(s3_settings[i].name);
        srv.seen->mode = NO_SUCH_THING;
        CHECK(set(&before) == ST_NO_METHOD && take_back(NULL) == ST_NO_METHOD);
        CHECK(s3_setting_set(&s3, x, &before, soon(), arena, &err) ==
                  ST_NO_METHOD &&
              strstr(err.text, x->name));
        srv.seen->mode = OVERLOOKS;
        srv.seen->count[PUTS] = 0;
        CHECK(set(&before) == ST_NO_METHOD && srv.seen->count[PUTS] == 0);
        CHECK(take_back(NULL) == ST_NO_METHOD &&
              take_back(&before) == ST_NO_METHOD);
        CHECK(srv.seen->count[BUCKETS_DELETED] == 0);
    }
    choose("encryption");
    srv.seen->mode = DOES_NOTHING;
    CHECK(set(&(struct s3_document){0}) == ST_OK && !is_set());
}

int main(void)
{
    log_open("/dev/null", LOG_DEBUG, "test");
    arena = arena_new(65536);
    srv = server_start(answer);
    server_conf(&srv, arena, &conf);
    if (s3_open(&s3, &conf, STR_LIT("bucket-1"), &err) != ST_OK)
        abort();
    there_and_back("public-access-block", "");
    there_and_back("encryption", "");
    there_and_back("versioning", "<Status>Suspended</Status>");
    there_and_back("expiry", "");
    half_a_block();
    rules_of_others();
    knowing_less();
    s3_close(&s3);
    server_stop(&srv);
    arena_free(&arena);
    return tap_end();
}

#include "store/ddb.h"

#include <assert.h>
#include <stdio.h>
#include "store/refusals.h"

#define PREFIX "DynamoDB_20120810."

/* ---- refusals ---- */

static bool operation_is(const struct aws_request *r, const char *action)
{
    const char *colon = strchr(action, ':');
    struct str op = r->header[1].value;

    return str_starts(op, STR_LIT(PREFIX)) &&
           str_is((struct str){op.p + strlen(PREFIX), op.n - strlen(PREFIX)},
                  colon + 1);
}

/* The name of the table that it asks: a BatchGetItem has it as a key. */
static struct str body_table(struct json root, struct arena *a)
{
    struct json_iter it = json_iter(json_member(root, "RequestItems"));
    struct str table = json_string(json_member(root, "TableName"), a);
    struct json key, v;

    return !table.n && json_next(&it, &key, &v) ? json_string(key, a) : table;
}

static enum right_place body_place(const struct conf *c, struct json root,
                                   struct arena *a)
{
    bool index = json_member(root, "IndexName").type != JSON_NONE;
    struct str table = body_table(root, a);

    if (str_is(table, c->dynamodb_users_table))
        return index ? PLACE_USERS_INDEX : PLACE_USERS;
    if (str_is(table, c->dynamodb_batches_table))
        return index ? PLACE_BATCHES_INDEX : PLACE_BATCHES;
    return str_is(table, c->dynamodb_trips_table) ? PLACE_TRIPS : PLACES;
}

/* The body is taken apart only when there is a refusal to note, or to end. */
static void ddb_answered(const void *ctx, const struct aws_request *r,
                         enum status st, const struct aws_reply *reply)
{
    struct arena *a;
    struct json root;

    if (st != ST_DENIED && !refusals_any())
        return;
    a = arena_new(0);
    if (json_check(r->body, DDB_DEPTH, &root, NULL) == ST_OK) {
        enum right_place place = body_place(ctx, root, a);

        for (int i = 0; i < RIGHTS; i++) {
            const struct right_text *x = right_text((enum right)i);

            if (x->place == place && operation_is(r, x->action))
                refusal_note((enum right)i, st, reply);
        }
    }
    arena_free(&a);
}

enum status ddb_open(struct ddb *db, const struct conf *c, struct err *err)
{
    bool china = str_starts(str_of(c->dynamodb_region), STR_LIT("cn-"));
    char endpoint[256];
    int n =
        c->dynamodb_endpoint[0]
            ? snprintf(endpoint, sizeof endpoint, "%s", c->dynamodb_endpoint)
            : snprintf(endpoint, sizeof endpoint,
                       "https://dynamodb.%s.amazonaws.com%s",
                       c->dynamodb_region, china ? ".cn" : "");

    if (n >= (int)sizeof endpoint)
        return err_set(err, ST_BAD_REQUEST, NULL,
                       "dynamodb.endpoint or dynamodb.region is too long");
    if (endpoint[n - 1] == '/')
        endpoint[n - 1] = '\0';
    *db = (struct ddb){.region = c->dynamodb_region,
                       .users = c->dynamodb_users_table,
                       .trips = c->dynamodb_trips_table,
                       .batches = c->dynamodb_batches_table,
                       .summaries = c->dynamodb_summaries_table,
                       .email_index = c->dynamodb_email_index,
                       .batches_index = c->dynamodb_batches_index};
    return aws_open(&(struct aws_options){"dynamodb", c->dynamodb_region,
                                          endpoint, "", c->dynamodb_ca_file,
                                          (int)c->dynamodb_connections,
                                          ddb_answered, c},
                    &db->aws, err);
}

void ddb_close(struct ddb *db)
{
    aws_close(&db->aws);
}

/* As cheap as can be: the JSON is checked when it is taken apart. */
static bool own_reply(int code, struct str head, struct str body)
{
    struct str text = str_trim(body);

    (void)code;
    (void)head;
    return text.n >= 2 && text.p[0] == '{' && text.p[text.n - 1] == '}';
}

static struct aws_request operation_request(const char *operation,
                                            struct str body, struct arena *a)
{
    struct sigv4_pair *h = arena_alloc_n(a, 2, sizeof *h);

    h[0] = (struct sigv4_pair){STR_LIT("content-type"),
                               STR_LIT("application/x-amz-json-1.0")};
    h[1] = (struct sigv4_pair){STR_LIT("x-amz-target"),
                               arena_printf(a, PREFIX "%s", operation)};
    return (struct aws_request){.method = "POST",
                                .path = STR_LIT("/"),
                                .header = h,
                                .headers = 2,
                                .body = body,
                                .max_body = DDB_REPLY_MAX,
                                .own = own_reply};
}

/* Of a Query or Scan of an index. DynamoDB names it behind these words; the
 * second ones are of an index that is there and not yet filled. */
static bool judge_no_index(struct str said)
{
    const struct str words[] = {
        STR_LIT("does not have the specified index"),
        STR_LIT("Cannot read from backfilling global secondary index")};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (memmem(said.p, said.n, words[i].p, words[i].n))
            return true;
    return false;
}

/* "Item size has exceeded the maximum allowed size" of a PutItem, "Item size to
 * update has exceeded ..." of an UpdateItem. */
static bool judge_over_size(struct str said)
{
    const struct str words = STR_LIT("has exceeded the maximum allowed size");

    return memmem(said.p, said.n, words.p, words.n);
}

/* What the HTTP layer cannot know: which refusals have a meaning here. */
static enum status reply_status(const char *operation, enum status st,
                                const struct aws_reply *reply, struct err *err)
{
    bool invalid = strcmp(reply->fault, "ValidationException") == 0;
    struct str said = reply->body;

    if (invalid && said.n && judge_over_size(said))
        return err_set(err, ST_TOO_LARGE, "item_too_large",
                       "the item is over the %d bytes that DynamoDB holds",
                       DDB_ITEM_MAX);
    if (invalid && said.n && judge_no_index(said))
        return err_set(err, ST_NOT_FOUND, "no_index",
                       "the table has no such index, or it is still being "
                       "made");
    (void)err_add(err, "%s", operation); /* the address is one for all calls */
    return st;
}

/*
 * What a good reply has. Somebody else's JSON would else be read as "no such
 * item", or as a table without batches.
 */
static const struct {
    const char *operation, *member;
    bool always; /* else {} is one, too */
} replies[] = {
    {"GetItem", "Item", false},
    {"BatchGetItem", "Responses", true},
    {"UpdateItem", "Attributes", false},
    {"PutItem", "Attributes", false},
    {"DeleteItem", "Attributes", false},
    {"Query", "Items", true},
    {"Scan", "Items", true},
    {"DescribeTable", "Table", true},
    {"CreateTable", "TableDescription", true},
    {"UpdateTable", "TableDescription", true},
};

static bool reply_fits(const char *operation, struct json root)
{
    const size_t n = sizeof replies / sizeof *replies;
    size_t i = 0;

    while (i < n && strcmp(replies[i].operation, operation) != 0)
        i++;
    assert(i < n); /* each call that we make is in the table */
    return json_member(root, replies[i].member).type != JSON_NONE ||
           (!replies[i].always && json_count(root) == 0);
}

/* It says nothing of any item: the store is not itself. */
static enum status read_reply(const char *operation, struct str body,
                              struct json *out, struct err *err)
{
    struct err why = ERR_NONE;

    if (json_check(body, DDB_DEPTH, out, &why) != ST_OK ||
        out->type != JSON_OBJECT)
        return err_set(err, ST_UNAVAILABLE, "reply_unreadable",
                       "%s: the reply is no JSON: %s", operation, why.text);
    if (!reply_fits(operation, *out))
        return err_set(err, ST_UNAVAILABLE, "reply_unreadable",
                       "%s: the reply is none of DynamoDB's: %.*s", operation,
                       body.n < 160 ? (int)body.n : 160, body.p);
    return ST_OK;
}

enum status ddb_call(struct ddb *db, const char *operation, struct str body,
                     struct deadline d, struct arena *a, struct ddb_reply *out,
                     struct err *err)
{
    struct aws_request r = operation_request(operation, body, a);
    struct aws_reply reply;
    enum status st = aws_call(db->aws, &r, d, a, &reply, err);

    *out = (struct ddb_reply){
        .unsure = reply.unsure,
        .no_table = strcmp(reply.fault, "ResourceNotFoundException") == 0,
        .invalid = strcmp(reply.fault, "ValidationException") == 0};
    if (st != ST_OK)
        return reply_status(operation, st, &reply, err);
    return read_reply(operation, reply.body, &out->root, err);
}

/* ---- many at once ---- */

struct run {
    const char *operation;
    ddb_next next;
    ddb_done done;
    void *ctx;
    struct arena *arena;
    struct err *err;
};

static bool run_next(void *ctx, struct arena *a, struct aws_request *out)
{
    struct run *run = ctx;
    struct str body;
    void *user = NULL;

    if (!run->next(run->ctx, a, &body, &user))
        return false;
    *out = operation_request(run->operation, body, a);
    out->user = user;
    return true;
}

static enum status run_done(void *ctx, const struct aws_request *r,
                            enum status st, const struct aws_reply *reply,
                            const struct err *err)
{
    struct run *run = ctx;
    struct json root;

    if (st != ST_OK) {
        if (run->err)
            *run->err = *err;
        return reply_status(run->operation, st, reply, run->err);
    }
    st = read_reply(run->operation, arena_copy(run->arena, reply->body), &root,
                    run->err);
    return st == ST_OK
               ? run->done(run->ctx, r->user, root, run->arena, run->err)
               : st;
}

enum status ddb_run(struct ddb *db, const char *operation, ddb_next next,
                    ddb_done done, void *ctx, struct deadline d,
                    struct arena *a, struct err *err)
{
    struct run run = {operation, next, done, ctx, a, err};

    return aws_run(db->aws, run_next, run_done, &run, d);
}

/*
 * policy.c - driveguardctl bucket policy: the least rights, as IAM policies.
 *
 * What each needs is store/rights.def, beside which stands why.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "ctl/ctl.h"
#include "store/rights.h"

#define POLICY_MAX (64 * 1024)

/* ---- which resources ---- */

static const char *partition(const char *region)
{
    return strncmp(region, "cn-", 3) == 0       ? "aws-cn"
           : strncmp(region, "us-gov-", 7) == 0 ? "aws-us-gov"
                                                : "aws";
}

static void put_table(struct json_out *o, const struct conf *c,
                      const char *table, const char *below)
{
    char arn[400];

    snprintf(arn, sizeof arn, "arn:%s:dynamodb:%s:*:table/%s%s",
             partition(c->dynamodb_region), c->dynamodb_region, table, below);
    json_put_z(o, NULL, arn);
}

static void put_objects(struct json_out *o, const struct conf *c,
                        const char *below)
{
    char arn[400];

    snprintf(arn, sizeof arn, "arn:%s:s3:::%s%s", partition(c->s3_region),
             c->objects_url + strlen("s3://"), below);
    json_put_z(o, NULL, arn);
}

static void put_resources(struct json_out *o, const struct conf *c,
                          enum right_place where)
{
    switch (where) {
    case PLACE_BUCKET:
        put_objects(o, c, "");
        break;
    case PLACE_OBJECTS:
        put_objects(o, c, "/users/*");
        /* what the server can do, and whether it accepts objects */
        put_objects(o, c, "/probe/*");
        break;
    case PLACE_INSTALLATION:
        put_objects(o, c, "/installation.json");
        break;
    case PLACE_USERS:
        put_table(o, c, c->dynamodb_users_table, "");
        break;
    case PLACE_TRIPS:
        put_table(o, c, c->dynamodb_trips_table, "");
        break;
    case PLACE_BATCHES:
        put_table(o, c, c->dynamodb_batches_table, "");
        break;
    case PLACE_SUMMARIES:
        put_table(o, c, c->dynamodb_summaries_table, "");
        break;
    case PLACE_USERS_INDEX:
        put_table(o, c, c->dynamodb_users_table, "/index/*");
        break;
    case PLACE_BATCHES_INDEX:
        put_table(o, c, c->dynamodb_batches_table, "/index/*");
        break;
    case PLACES:
        break;
    }
}

/* ---- the document ---- */

static bool is_right(int r, enum right_place where, enum right_who who)
{
    const struct right_text *x = right_text((enum right)r);

    return x->place == where && x->who & who;
}

static bool any_right(enum right_place where, enum right_who who)
{
    for (int r = 0; r < RIGHTS; r++)
        if (is_right(r, where, who))
            return true;
    return false;
}

static void put_statement(struct json_out *o, const struct conf *c,
                          enum right_place where, enum right_who who)
{
    json_begin_object(o, NULL);
    json_put_z(o, "Effect", "Allow");
    json_begin_array(o, "Action");
    for (int r = 0; r < RIGHTS; r++)
        if (is_right(r, where, who))
            json_put_z(o, NULL, right_text((enum right)r)->action);
    json_end_array(o);
    json_begin_array(o, "Resource");
    put_resources(o, c, where);
    json_end_array(o);
    json_end_object(o);
}

static void put_policy(struct json_out *o, const char *key,
                       const struct conf *c, enum right_who who)
{
    bool bucket = strncmp(c->objects_url, "s3://", 5) == 0;
    bool tables = strcmp(c->records_url, "dynamodb:") == 0;

    json_begin_object(o, key);
    json_put_z(o, "Version", "2012-10-17");
    json_begin_array(o, "Statement");
    for (int where = PLACE_BUCKET; where < PLACES; where++)
        if ((where <= PLACE_INSTALLATION ? bucket : tables) &&
            any_right((enum right_place)where, who))
            put_statement(o, c, (enum right_place)where, who);
    json_end_array(o);
    json_end_object(o);
}

/* A policy without a statement would be taken by nobody, and say nothing. */
static bool has_resources(const struct conf *c)
{
    return strncmp(c->objects_url, "s3://", 5) == 0 ||
           strcmp(c->records_url, "dynamodb:") == 0;
}

/* Without an argument both, as members of one object. */
int ctl_bucket_policy(const struct ctl *ctl, int argc, char **argv)
{
    bool service = argc == 2 && strcmp(argv[1], "service") == 0;
    bool operates = argc == 2 && strcmp(argv[1], "operator") == 0;
    struct buf b;
    struct json_out o = {.b = &b};
    struct err err = ERR_NONE;

    if (argc != 1 && !service && !operates)
        return CTL_USAGE;
    if (!has_resources(ctl->conf)) {
        err_set(&err, ST_BAD_REQUEST, NULL,
                "objects.url = %s and records.url = %s need no rights of AWS; "
                "the settings are those of %s",
                ctl->conf->objects_url, ctl->conf->records_url,
                ctl->conf_file ? ctl->conf_file : "no file (-c FILE)");
        return ctl_complain(&err);
    }
    buf_init(&b, POLICY_MAX);
    if (argc == 1)
        json_begin_object(&o, NULL);
    if (!operates)
        put_policy(&o, argc == 1 ? "service" : NULL, ctl->conf, WHO_SERVICE);
    if (!service)
        put_policy(&o, argc == 1 ? "operator" : NULL, ctl->conf, WHO_OPERATOR);
    if (argc == 1)
        json_end_object(&o);
    assert(buf_ok(&b));
    printf("%.*s\n", STR_ARG(buf_str(&b)));
    buf_free(&b);
    return CTL_DONE;
}

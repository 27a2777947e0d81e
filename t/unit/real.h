/* real.h - the settings of a test that is to work on a real server: the
 * defaults, but with what the environment says of one that is not AWS's. */
#ifndef DG_T_REAL_H
#define DG_T_REAL_H

#include <stdlib.h>
#include "base/conf.h"

static void real_take(const char **setting, const char *variable)
{
    const char *value = getenv(variable);

    if (value)
        *setting = value;
}

static void real_conf(struct arena *a, struct conf *conf)
{
    struct err err = ERR_NONE;

    if (conf_load(NULL, a, conf, &err) != ST_OK)
        abort();
    real_take(&conf->server_spool, "SPOOL");
    real_take(&conf->s3_endpoint, "S3_ENDPOINT");
    real_take(&conf->s3_region, "AWS_REGION");
    real_take(&conf->s3_ca_file, "S3_CA_FILE");
    real_take(&conf->dynamodb_endpoint, "DYNAMODB_ENDPOINT");
    real_take(&conf->dynamodb_region, "AWS_REGION");
}

#endif

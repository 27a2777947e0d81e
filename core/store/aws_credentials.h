/*
 * aws_credentials.h - whose name requests are signed in.
 *
 * The standard chain; the first source that is set up counts, and if it then
 * fails, that is the answer (a typing error must not lead to another account):
 *
 *   environment     AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 *                   AWS_SESSION_TOKEN
 *   web identity    AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN,
 *                   AWS_ROLE_SESSION_NAME, by STS (AWS_ENDPOINT_URL_STS)
 *   shared files    AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials) and
 *                   AWS_CONFIG_FILE (~/.aws/config), profile AWS_PROFILE
 *   container       AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, with
 *                   AWS_CONTAINER_AUTHORIZATION_TOKEN or _TOKEN_FILE
 *   instance        metadata service, version 2 only
 *                   (AWS_EC2_METADATA_SERVICE_ENDPOINT, .._DISABLED)
 *
 * Source: AWS SDKs and Tools Reference Guide, "Standardized credential
 * providers"; ECS and EC2 guides for the two endpoints.
 */
#ifndef DG_STORE_AWS_CREDENTIALS_H
#define DG_STORE_AWS_CREDENTIALS_H

#include "base/clock.h"
#include "base/err.h"
#include "store/sigv4.h"

struct aws_credentials;

struct aws_credentials *aws_credentials_open(const char *region);
/*
    region: whose STS is asked. Nothing is read yet. Never NULL.
 */
void aws_credentials_close(struct aws_credentials **c);

enum status aws_credentials_get(struct aws_credentials *c, struct deadline d,
                                struct sigv4_key *out,
                                struct err *err) MUST_CHECK;
/*
    The key to sign with now; its texts live until the next call. Fetched on
    first use, and again ahead of the expiry at a moment of this process's own
    (jitter); while that fails the old ones serve until they end. Those
    without an expiry are read again every few minutes, so that changed files
    are noticed. ST_DENIED (no_credentials) when no source is set up,
    ST_UNAVAILABLE or ST_TIMEOUT when one does not answer; a failure is
    remembered for a second.
 */

void aws_credentials_refused(struct aws_credentials *c);
/*
    A service said that they have expired: the next get fetches new ones,
    once a second at most.
 */

const char *aws_credentials_source(const struct aws_credentials *c);
/*
    A word for the log: "environment", ...; "none" before the first get.
 */

#endif

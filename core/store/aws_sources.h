/*
 * aws_sources.h - the sources of the credentials chain, each one function.
 *
 * For aws_credentials.c alone. A source returns ST_NOT_FOUND when it is not
 * set up here (the next one is asked), ST_OK, or why it failed.
 */
#ifndef DG_STORE_AWS_SOURCES_H
#define DG_STORE_AWS_SOURCES_H

#include <stdint.h>
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/isotime.h"
#include "base/str.h"
#include "store/http.h"
#include "store/sigv4.h"

struct aws_found {
    struct sigv4_key key; /* in the arena */
    int64_t expires_us;   /* wall clock; TIME_NONE: not said */
};

struct aws_asking {
    struct http *http;
    const char *region;
    struct deadline deadline;
    struct arena *arena;
};

typedef enum status (*aws_source)(const struct aws_asking *ask,
                                  struct aws_found *out, struct err *err);

enum status aws_from_environment(const struct aws_asking *ask,
                                 struct aws_found *out, struct err *err);
enum status aws_from_web_identity(const struct aws_asking *ask,
                                  struct aws_found *out, struct err *err);
enum status aws_from_files(const struct aws_asking *ask, struct aws_found *out,
                           struct err *err);
enum status aws_from_container(const struct aws_asking *ask,
                               struct aws_found *out, struct err *err);
enum status aws_from_instance(const struct aws_asking *ask,
                              struct aws_found *out, struct err *err);

enum status aws_assume_with_token(const struct aws_asking *ask, struct str role,
                                  struct str session, const char *token_file,
                                  struct aws_found *out, struct err *err);
/*
    STS AssumeRoleWithWebIdentity; also for a profile that says so.
 */

enum status aws_read_file(const char *path, struct arena *a, struct str *out,
                          struct err *err);
/*
    A whole small file (1 MB at most). ST_NOT_FOUND when there is none,
    ST_DENIED when it cannot be read.
 */

const char *aws_env(const char *name);
/*
    The variable's value; NULL when it is not set or empty.
 */

bool aws_container_host_allowed(struct str url);
/*
    https, or plain http to this machine or the container endpoints' fixed
    addresses: the token must not cross a network in the open.
 */

#endif

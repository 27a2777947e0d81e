/* aws_sign.h - a request as it goes out, signed. For aws.c alone. */
#ifndef DG_STORE_AWS_SIGN_H
#define DG_STORE_AWS_SIGN_H

#include <stdint.h>
#include "base/arena.h"
#include "store/aws.h"
#include "store/http.h"
#include "store/sigv4.h"

struct aws_signer {
    const char *service, *region;
    const char *base; /* scheme://host[:port] */
    const char *host; /* host[:port] */
    int64_t now_us;   /* as the service sees it */
};

void aws_sign(const struct aws_signer *who, const struct aws_request *r,
              const struct sigv4_key *key, struct arena *a,
              struct http_call *call);
/*
    Fills in the call's request part: method, URL, headers, body, max_body. The
    texts lie in the arena.
 */

#endif

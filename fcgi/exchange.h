/* exchange.h - one request and its answer, as routes and respond see it. */
#ifndef DG_FCGI_EXCHANGE_H
#define DG_FCGI_EXCHANGE_H

#include "fcgi/process.h"
#include "fcgi/request.h"
#include "service/service.h"

struct exchange {
    const struct process *process;
    struct service *service;
    struct request *request;
    struct call call;
    struct str method, path, query;
    struct str methods; /* those that the path has, for Allow */
    struct str files;   /* where the web server has cache.files; or empty */
    bool head;          /* the answer's body is not sent */

    /* The answer, kept by respond.c. */
    int http;      /* 0: none yet */
    size_t length; /* of the body, as announced */
    size_t sent;
    size_t unsent; /* what the client had not taken at the end: the sender's */
    bool gone;     /* the client hung up */
};

#endif

/* status.h - the one result code of everything that can fail. */
#ifndef DG_BASE_STATUS_H
#define DG_BASE_STATUS_H

#define MUST_CHECK __attribute__((warn_unused_result))

/*
 * A finite set, switched over without a default. What HTTP number a status
 * has is known to fcgi/respond.c alone.
 */
enum status {
    ST_OK,
    ST_BAD_REQUEST,    /* the caller's input is wrong; nothing was changed   */
    ST_NOT_FOUND,      /* no such thing, said by the store itself            */
    ST_NO_METHOD,      /* the path is known, the method is not               */
    ST_NOT_ACCEPTABLE, /* no form that the caller takes                      */
    ST_NOT_OWNER,      /* it belongs to another user; nothing was changed    */
    ST_TOO_LARGE,      /* over a stated limit; nothing was changed           */
    ST_PRECONDITION,   /* a conditional write or read found another version  */
    ST_BUSY,           /* somebody else holds the lock; try later            */
    ST_UNAVAILABLE,    /* a backend cannot be reached or refuses for now     */
    ST_TIMEOUT,        /* the deadline passed; the outcome may be unknown    */
    ST_DENIED,         /* a backend refuses our credentials or rights        */
    ST_CORRUPT,        /* stored data is not what it must be                 */
    ST_GONE_CLIENT,    /* the client hung up                                 */
    ST_INTERNAL,       /* a defect or an exhausted machine                   */
    ST_COUNT
};

const char *status_name(enum status st);
/*
    The short word of a status ("not_found"), static. Also the `code` of an
    error answer when the failing layer named no better one.
 */

#endif

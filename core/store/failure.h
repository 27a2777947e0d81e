/* failure.h - counts what went wrong in a store, once a call. */
#ifndef DG_STORE_FAILURE_H
#define DG_STORE_FAILURE_H

#include "base/status.h"

enum status store_counted(enum status st);
/*
    Returns st; a failure of the store itself (not an answer such as
    ST_NOT_FOUND or ST_PRECONDITION) adds one to store_errors. Called where
    objects.c and records.c return to the service.
 */

#endif

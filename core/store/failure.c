#include "store/failure.h"

#include "base/stats.h"

enum status store_counted(enum status st)
{
    switch (st) {
    case ST_UNAVAILABLE:
    case ST_TIMEOUT:
    case ST_DENIED:
    case ST_CORRUPT:
    case ST_INTERNAL:
        stat_add(STAT_store_errors, 1);
        break;
    case ST_OK:
    case ST_BAD_REQUEST:
    case ST_NOT_FOUND:
    case ST_NO_METHOD:
    case ST_NOT_ACCEPTABLE:
    case ST_NOT_OWNER:
    case ST_TOO_LARGE:
    case ST_PRECONDITION:
    case ST_BUSY:
    case ST_GONE_CLIENT:
    case ST_COUNT:
        break;
    }
    return st;
}

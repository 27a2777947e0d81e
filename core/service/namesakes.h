/*
 * namesakes.h - several users with one e-mail: whom a reader means by it.
 *
 * Only tables that others write have them: a driver who signed up twice, most
 * often. Nobody reads the empty account.
 */
#ifndef DG_SERVICE_NAMESAKES_H
#define DG_SERVICE_NAMESAKES_H

#include "driver/call.h"

enum status namesake_choose(const struct call *c, struct str email,
                            const struct email_ids *ids, struct str *user_id,
                            bool *several) MUST_CHECK;
/*
    Of those whose record has the e-mail, the one with most trips (of 1,000 at
    most), and the first by id among equals. *several: there were more than one,
    which the log names. ST_NOT_FOUND: none has it.
 */

#endif

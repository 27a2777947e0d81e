/* json_number.h - what a JSON number's decimal text says; for json_*.c. */
#ifndef DG_BASE_JSON_NUMBER_H
#define DG_BASE_JSON_NUMBER_H

#include <stdbool.h>
#include "base/str.h"

#define JSON_MOST_DIGITS 38 /* of a number that DynamoDB holds */

bool json_number_finite(struct str raw);
/*
    raw follows the grammar; whether it rounds to a finite double.
 */

#endif

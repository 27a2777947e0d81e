/* shown.h - what others wrote, as a terminal may show it. */
#ifndef DG_BASE_SHOWN_H
#define DG_BASE_SHOWN_H

#include "base/str.h"

#define SHOWN_MAX 96

/* Control characters are `?`, and what is long is cut and ends in `...`. */
struct shown {
    char z[SHOWN_MAX];
};
struct shown shown_of(struct str text);

#endif

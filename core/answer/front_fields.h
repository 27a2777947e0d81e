/*
 * front_fields.h - which members an answer has beside its trips, from
 * front_fields.def.
 */
#ifndef DG_ANSWER_FRONT_FIELDS_H
#define DG_ANSWER_FRONT_FIELDS_H

#include "base/fields.h"

enum front_field {
#define FIELD(name) FRONT_##name,
#include "answer/front_fields.def"
#undef FIELD
    FRONT_FIELDS
};

extern const struct field_table front_fields;

#endif

/* analysis_fields.h - which members an analysis has, from analysis_fields.def.
 */
#ifndef DG_SCORE_ANALYSIS_FIELDS_H
#define DG_SCORE_ANALYSIS_FIELDS_H

#include "base/json.h"

enum analysis_field {
#define FIELD(name) FIELD_##name,
#include "score/analysis_fields.def"
#undef FIELD
    FIELD_COUNT
};

/* Bit i: the field with number i. */
typedef uint64_t analysis_fields;
#define FIELDS_ALL                                                             \
    ((analysis_fields)0) /* nothing was chosen: the analysis whole */

bool analysis_fields_add(analysis_fields *set, struct str name);
/*
    False when an analysis has no such field.
 */

void analysis_fields_put(analysis_fields set, struct json analysis,
                         struct buf *out);
/*
    The analysis with only those of its members that are in the set, as they
    stand in it and in its order; fields that it lacks are not invented.
 */

#endif

/* analysis_fields.h - which members an analysis has, from analysis_fields.def.
 */
#ifndef DG_SCORE_ANALYSIS_FIELDS_H
#define DG_SCORE_ANALYSIS_FIELDS_H

#include "base/fields.h"

enum analysis_field {
#define FIELD(name) FIELD_##name,
#include "score/analysis_fields.def"
#undef FIELD
    FIELD_COUNT
};

extern const struct field_table analysis_fields;

struct fields analysis_details(void);
/*
    The DETAILs.
 */

#endif

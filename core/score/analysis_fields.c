#include "score/analysis_fields.h"

#include <assert.h>

static_assert(FIELD_COUNT < FIELDS_MAX, "a set has room for all, and one more");

static const char *const names[FIELD_COUNT] = {
#define FIELD(name) #name,
#include "score/analysis_fields.def"
#undef FIELD
};

const struct field_table analysis_fields = {names, FIELD_COUNT};

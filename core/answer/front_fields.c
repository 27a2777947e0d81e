#include "answer/front_fields.h"

#include <assert.h>

static_assert(FRONT_FIELDS < FIELDS_MAX,
              "a set has room for all, and one more");

static const char *const names[FRONT_FIELDS] = {
#define FIELD(name) #name,
#include "answer/front_fields.def"
#undef FIELD
};

const struct field_table front_fields = {names, FRONT_FIELDS};

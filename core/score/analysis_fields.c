#include "score/analysis_fields.h"

#include <assert.h>

static_assert(FIELD_COUNT < FIELDS_MAX, "a set has room for all, and one more");

static const char *const names[FIELD_COUNT] = {
#define FIELD(name) #name,
#include "score/analysis_fields.def"
#undef FIELD
};

const struct field_table analysis_fields = {names, FIELD_COUNT};

struct fields analysis_details(void)
{
    static const enum analysis_field details[] = {
#define FIELD(name)
#define DETAIL(name) FIELD_##name,
#include "score/analysis_fields.def"
#undef FIELD
    };
    struct fields set = fields_none();

    for (size_t i = 0; i < sizeof details / sizeof *details; i++) {
        bool known =
            fields_add(&set, &analysis_fields, str_of(names[details[i]]));

        assert(known);
    }
    return set;
}

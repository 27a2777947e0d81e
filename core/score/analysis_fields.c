#include "score/analysis_fields.h"

#include <assert.h>

static_assert(FIELD_COUNT <= 64, "a set of fields is a 64-bit word");

static const char *const names[FIELD_COUNT] = {
#define FIELD(name) #name,
#include "score/analysis_fields.def"
#undef FIELD
};

bool analysis_fields_add(analysis_fields *set, struct str name)
{
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        if (str_is(name, names[i])) {
            *set |= (analysis_fields)1 << i;
            return true;
        }
    return false;
}

/* Members' names are compared as written first: none of ours is escaped, and a
 * foreign writer has no reason to. */
static bool chosen(analysis_fields set, struct json key)
{
    analysis_fields one = 0;
    struct str raw = {key.raw.p + 1, key.raw.n - 2};

    return analysis_fields_add(&one, raw) && (set & one);
}

void analysis_fields_put(analysis_fields set, struct json analysis,
                         struct buf *out)
{
    struct json_iter it = json_iter(analysis);
    struct json key, value;
    bool comma = false;

    buf_putc(out, '{');
    while (json_next(&it, &key, &value)) {
        if (!chosen(set, key))
            continue;
        if (comma)
            buf_putc(out, ',');
        comma = true;
        buf_put(out, key.raw);
        buf_putc(out, ':');
        buf_put(out, value.raw);
    }
    buf_putc(out, '}');
}

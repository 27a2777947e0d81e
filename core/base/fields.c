#include "base/fields.h"

#include <assert.h>

static_assert(FIELDS_MAX % 64 == 0, "a set is whole words");

struct fields fields_none(void)
{
    return (struct fields){{0}};
}

struct fields fields_all(void)
{
    struct fields all;

    for (int i = 0; i < FIELDS_WORDS; i++)
        all.word[i] = UINT64_MAX;
    return all;
}

struct fields fields_and(struct fields x, struct fields y)
{
    for (int i = 0; i < FIELDS_WORDS; i++)
        x.word[i] &= y.word[i];
    return x;
}

struct fields fields_less(struct fields x, struct fields y)
{
    for (int i = 0; i < FIELDS_WORDS; i++)
        x.word[i] &= ~y.word[i];
    return x;
}

bool fields_has(struct fields set, unsigned field)
{
    assert(field < FIELDS_MAX);
    return set.word[field / 64] >> field % 64 & 1;
}

bool fields_equal(struct fields x, struct fields y)
{
    for (int i = 0; i < FIELDS_WORDS; i++)
        if (x.word[i] != y.word[i])
            return false;
    return true;
}

bool fields_is_empty(struct fields set)
{
    return fields_equal(set, fields_none());
}

bool fields_is_all(struct fields set)
{
    return fields_equal(set, fields_all());
}

/* No table has a line for the last bit. */
bool fields_is_open(struct fields set)
{
    return fields_has(set, FIELDS_MAX - 1);
}

/* The table's n when it has no such name. */
static unsigned field_number(const struct field_table *t, struct str name)
{
    unsigned i = 0;

    assert(t->n < FIELDS_MAX);
    while (i < t->n && !str_is(name, t->name[i]))
        i++;
    return i;
}

bool fields_add(struct fields *set, const struct field_table *t,
                struct str name)
{
    unsigned field = field_number(t, name);

    if (field == t->n)
        return false;
    set->word[field / 64] |= (uint64_t)1 << field % 64;
    return true;
}

/* Part of the name of each answer, so it is made for each request: nearly all
 * see everything, or ask for no trips. */
struct str fields_text(struct fields set, char space[FIELDS_TEXT_MAX])
{
    if (fields_is_all(set))
        return STR_LIT("*");
    if (fields_is_empty(set))
        return STR_LIT("-");
    for (int i = 0; i < FIELDS_TEXT_MAX; i++)
        space[i] = "0123456789abcdef"[set.word[i / 16] >> i % 16 * 4 & 15];
    return (struct str){space, FIELDS_TEXT_MAX};
}

/* Members' names are compared as written: none of ours is escaped, and a
 * foreign writer has no reason to. One that is escaped is not shown, unless all
 * are: it may be one that is left out. */
static bool field_is_seen(struct fields set, const struct field_table *t,
                          struct json key)
{
    unsigned field;

    assert(key.raw.n >= 2); /* with its quotes */
    field = field_number(t, (struct str){key.raw.p + 1, key.raw.n - 2});

    if (field < t->n)
        return fields_has(set, field);
    return fields_is_all(set) ||
           (fields_is_open(set) && !memchr(key.raw.p, '\\', key.raw.n));
}

void fields_put(struct fields set, const struct field_table *t,
                struct json object, struct buf *out)
{
    struct json_iter it = json_iter(object);
    struct json key, value;
    bool comma = false;

    buf_putc(out, '{');
    while (json_next(&it, &key, &value)) {
        if (!field_is_seen(set, t, key))
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

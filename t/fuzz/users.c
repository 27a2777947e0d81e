/*
 * users.c - any bytes as an operator's file of users: who is not refused has an
 * id, what is kept for others is JSON that DynamoDB takes, and what is printed
 * of him is read back as the same user.
 */
#include "driver/user_file.h"

#include <assert.h>
#include "base/shown.h"
#include "store/ddb.h"
#include "store/ddb_item.h"
#include "store/keys.h"
#include "t/fuzz/fuzz.h"

#define PLAIN                                                                  \
    "{\"user_id\":\"u1\",\"email\":\"A@b.c\",\"name\":null,\"more\":[1.50],"   \
    "\"base_point\":{\"latitude\":41.5,\"longitude\":-95,\"x\":1},"            \
    "\"privacy_settings\":{\"consentLevel\":\"full\"}}"
#define ITEM                                                                   \
    "{\"user_id\":{\"S\":\"u2\"},\"zipcode\":{\"N\":\"68102\"},\"hash\":{"     \
    "\"B\":\"AAEC\"},\"base_point\":{\"M\":{\"latitude\":{\"S\":\"1\"},"       \
    "\"longitude\":{\"N\":\"2\"}}},\"tags\":{\"SS\":[\"a\"]}}"

const struct fuzz_text fuzz_seeds[] = {
    FUZZ("[" PLAIN "," ITEM "]"),
    FUZZ("{\"Items\":[" ITEM "," PLAIN "],\"Count\":2}"),
    FUZZ("{\"Item\":" ITEM "}\n{\"Item\":" PLAIN "}\n\n{\n"),
    FUZZ(PLAIN "\n" PLAIN),
    FUZZ_END,
};
const struct fuzz_text fuzz_words[] = {
    FUZZ("{\"S\":\""),
    FUZZ("{\"N\":\""),
    FUZZ("{\"M\":{"),
    FUZZ("{\"L\":["),
    FUZZ("\"}"),
    FUZZ("{\"NULL\":true}"),
    FUZZ("{\"NS\":["),
    FUZZ("null"),
    FUZZ("\"user_id\":"),
    FUZZ("\"email\":"),
    FUZZ("\n"),
    FUZZ("\\u001b"),
    FUZZ("\"base_point\":"),
    FUZZ("1e400"),
    FUZZ("\"Items\":["),
    FUZZ("\"\":"),
    FUZZ("\"Item\":{"),
    FUZZ("\"privacy_settings\":"),
    FUZZ_END,
};

static void check_foreign(struct str foreign)
{
    struct json_iter it;
    struct json root, key, v;

    if (foreign.n == 0)
        return;
    assert(json_check(foreign, DDB_DEPTH + 8, &root, NULL) == ST_OK);
    it = json_iter(root);
    while (json_next(&it, &key, &v))
        assert(v.type == JSON_NULL || ddb_valid(v));
    assert(ddb_item_size(root) >= 0);
}

static void check_user(const struct user *u, struct arena *a)
{
    struct user_file again;
    const struct user *b;
    struct err err = ERR_NONE;

    assert(id_valid(u->user_id));
    check_foreign(u->foreign);
    assert(user_file_read(user_print(u, a), a, &again, &err) == ST_OK);
    assert(again.n == 1 && again.entry[0].why.n == 0);
    b = &again.entry[0].user;
    assert(str_eq(b->user_id, u->user_id) && str_eq(b->email, u->email));
    assert(b->has_base_point == u->has_base_point &&
           b->latitude == u->latitude && b->longitude == u->longitude);
    assert(b->retention_months == u->retention_months);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    struct arena *a = arena_new(16384);
    struct err err = ERR_NONE;
    const struct shown shown = shown_of(in);
    struct user_file file;

    if (user_file_read(in, a, &file, &err) == ST_OK)
        for (size_t i = 0; i < file.n; i++)
            if (file.entry[i].why.n == 0)
                check_user(&file.entry[i].user, a);
    for (const char *p = shown.z; *p; p++)
        assert((unsigned char)*p >= ' ' && *p != 0x7f);
    arena_free(&a);
    return 0;
}

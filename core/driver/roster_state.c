#include <assert.h>
#include "base/digest.h"
#include "base/json.h"
#include "driver/roster.h"
#include "store/keys.h"

/* How long the text can be: a byte is six when JSON escapes it. A user's record
 * has at most the 400 KB of a DynamoDB item; of a trip there are its id, its
 * time and its ETag. */
#define STATE_USER_MAX ((size_t)6 * 400 * 1024 + 1024)
#define STATE_TRIP_MAX (ID_MAX + 6 * sizeof(struct etag) + 64)

static_assert(ROSTER_STATE <= SHA256_HEX && USER_STATE <= SHA256_HEX,
              "each is the beginning of a hash");

/* What of the record shows in an answer; anything else would change ETags for
 * nothing. As JSON, so that no two records give one text. */
static void put_state_user(const struct user *u, struct json_out *o)
{
    json_put_str(o, NULL, u->user_id);
    json_put_str(o, NULL, u->email);
    json_put_str(o, NULL, u->name);
    json_put_str(o, NULL, u->zipcode);
    json_put_bool(o, NULL, u->has_base_point);
    json_put_str(o, NULL, u->city);
    json_put_str(o, NULL, u->state);
    json_put_str(o, NULL, u->source);
}

static void state_of(struct buf *b, size_t size, char *out)
{
    char hex[SHA256_HEX + 1];

    assert(buf_ok(b));
    digest_sha256(buf_str(b), hex);
    memcpy(out, hex, size);
    out[size] = '\0';
}

void user_state(const struct user *u, char out[USER_STATE + 1])
{
    struct buf b;
    struct json_out o = {.b = &b};

    buf_init(&b, STATE_USER_MAX);
    put_state_user(u, &o);
    state_of(&b, USER_STATE, out);
    buf_free(&b);
}

void roster_state(const struct roster *r, const struct user *u,
                  char out[ROSTER_STATE + 1])
{
    struct buf b;
    struct json_out o = {.b = &b};

    buf_init(&b, STATE_USER_MAX + r->n * STATE_TRIP_MAX);
    put_state_user(u, &o);
    for (size_t i = 0; i < r->n; i++) {
        const struct roster_trip *t = r->trip[i];

        if (t->unreadable)
            continue;
        json_put_str(&o, NULL, t->row.trip_id);
        json_put_int(&o, NULL, t->row.end_ms);
        json_put_z(&o, NULL, t->row.etag.z);
    }
    json_put_int(&o, NULL, (int64_t)r->unreadable);
    state_of(&b, ROSTER_STATE, out);
    buf_free(&b);
}

#include <assert.h>
#include "base/digest.h"
#include "base/json.h"
#include "driver/roster.h"

#define STATE_TEXT_MAX ((size_t)64 * 1024 * 1024)

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

void roster_state(const struct roster *r, const struct user *u,
                  char out[ROSTER_STATE + 1])
{
    char hex[SHA256_HEX + 1];
    struct buf b;
    struct json_out o = {.b = &b};

    buf_init(&b, STATE_TEXT_MAX);
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
    assert(buf_ok(&b)); /* a summary of so many trips is larger */
    digest_sha256(buf_str(&b), hex);
    buf_free(&b);
    memcpy(out, hex, ROSTER_STATE);
    out[ROSTER_STATE] = '\0';
}

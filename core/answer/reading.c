#include "answer/reading.h"

#include "base/json.h"
#include "base/stats.h"

enum status reading_unknown(struct reading *r)
{
    struct buf b;
    struct json_out o = {.b = &b};

    r->stranger = true;
    buf_init(&b, 64 * 1024);
    json_put_str(&o, "searched_for", r->variant.searched_by);
    json_put_z(&o, "tip",
               "Make sure to use the driver's registered email address");
    err_set(r->call.err, ST_NOT_FOUND, "driver_not_found", "Driver not found");
    if (buf_ok(&b))
        r->call.err->extra = arena_copy(r->call.arena, buf_str(&b));
    buf_free(&b);
    return ST_NOT_FOUND;
}

struct str reading_fill(const struct reading *r)
{
    return view_whole(&r->variant.view) ? CACHE_WHOLE : r->variant.name;
}

struct keeping reading_keeping(const struct reading *r, int64_t read_began_ms)
{
    return (struct keeping){.c = &r->call,
                            .variant = &r->variant,
                            .token = &r->token,
                            .read_began_ms = read_began_ms};
}

bool reading_reply_is(struct reading *r, struct str etag, const char *source)
{
    r->reply = (struct reply){.etag = arena_copy(r->call.arena, etag),
                              .gzip = r->variant.coding == CODING_GZIP,
                              .source = source};
    r->reply.unchanged = etag_listed(r->request->if_none_match, etag);
    return r->reply.unchanged;
}

void reading_reply_file(struct reading *r, const struct file_name *name,
                        const char *source)
{
    r->reply.file = arena_copy(r->call.arena, str_of(name->z));
    r->reply.source = source;
    stat_add(STAT_files_sent, 1);
}

void reading_reply_body(struct reading *r, struct body b)
{
    r->body = b;
    r->reply.length = body_length(&b);
}

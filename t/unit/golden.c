#include "t/unit/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/gzip.h"
#include "score/trip_json.h"

#define FILE_MAX ((size_t)256 << 20)
#define LONGEST_DELTA_MS 3600000.0

const char *golden_folder(const char *top_srcdir)
{
    static char folder[4096];
    const char *shared = getenv("DRIVEGUARD_SHARED");

    if (shared)
        snprintf(folder, sizeof folder, "%s/golden", shared);
    else
        snprintf(folder, sizeof folder, "%s/../shared/golden", top_srcdir);
    if (access(folder, R_OK) != 0)
        snprintf(folder, sizeof folder, "%s/t/golden", top_srcdir);
    return folder;
}

static void give_up(const char *path, const char *why)
{
    printf("Bail out! %s: %s\n", path, why);
    exit(EXIT_FAILURE);
}

static void read_whole(const char *path, struct buf *b)
{
    FILE *f = fopen(path, "rb");
    size_t n;

    if (!f)
        give_up(path, "cannot be opened");
    do {
        char *room = buf_room(b, 65536);

        if (!room)
            give_up(path, "is too large");
        n = fread(room, 1, 65536, f);
        buf_grown(b, n);
    } while (n > 0);
    fclose(f);
}

struct json golden_read(const char *path, struct arena *a)
{
    struct buf packed, text;
    struct err err = ERR_NONE;
    struct json root = JSON_ABSENT;

    buf_init(&packed, FILE_MAX);
    buf_init(&text, FILE_MAX);
    read_whole(path, &packed);
    if (str_ends(str_of(path), STR_LIT(".gz"))) {
        if (gzip_unpack(buf_str(&packed), &text, &err) != ST_OK)
            give_up(path, err.text);
    } else {
        buf_put(&text, buf_str(&packed));
    }
    if (json_check(arena_copy(a, buf_str(&text)), JSON_DEPTH, &root, &err) !=
        ST_OK)
        give_up(path, err.text);
    buf_free(&packed);
    buf_free(&text);
    return root;
}

struct numbered {
    int64_t number;
    size_t place;
    struct json deltas;
};

static int by_number(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;

    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

static struct delta_list read_batches(struct json batches, struct arena *a)
{
    size_t i, kept = 0, n = json_count(batches);
    struct numbered *list = arena_alloc_n(a, n, sizeof *list);
    struct delta_list deltas = {0};
    struct json_iter it = json_iter(batches);
    struct json none, batch;
    struct err err = ERR_NONE;

    for (i = 0; json_next(&it, &none, &batch); i++) {
        list[i].place = i;
        list[i].deltas = json_member(batch, "deltas");
        if (!json_int(json_member(batch, "batch_number"), &list[i].number))
            list[i].number = 0;
    }
    qsort(list, n, sizeof *list, by_number);
    for (i = 0; i < n; i++)
        if (deltas_read(list[i].deltas.raw, a, &deltas, &err) != ST_OK)
            give_up("batches", err.text);
    for (i = 0; i < deltas.n; i++)
        if (deltas.deltas[i].dt_ms > 0 &&
            deltas.deltas[i].dt_ms <= LONGEST_DELTA_MS)
            deltas.deltas[kept++] = deltas.deltas[i];
    deltas.n = kept;
    return deltas;
}

static struct base_point base_of(struct json users, struct str user_id,
                                 struct arena *a)
{
    struct json_iter it = json_iter(users);
    struct json none, user, point;
    struct base_point base = base_point_fallback;

    while (json_next(&it, &none, &user)) {
        if (!str_eq(json_string(json_member(user, "user_id"), a), user_id))
            continue;
        point = json_member(user, "base_point");
        if (point.type != JSON_OBJECT)
            continue;
        if (!json_double(json_member(point, "latitude"), &base.latitude) ||
            !json_double(json_member(point, "longitude"), &base.longitude))
            give_up("users", "a base point has no position");
        base.city = json_string(json_member(point, "city"), a);
        base.state = json_string(json_member(point, "state"), a);
        base.source = json_string(json_member(point, "source"), a);
    }
    return base;
}

struct score_input golden_trip(struct json trip, struct json users,
                               struct arena *a)
{
    struct delta_list deltas = read_batches(json_member(trip, "batches"), a);
    struct str user_id = json_string(json_member(trip, "user_id"), a);
    struct json finalize = json_member(trip, "finalize");

    return (struct score_input){
        .version = SCORE_3_1,
        .deltas = deltas.deltas,
        .n_deltas = deltas.n,
        .base = base_of(users, user_id, a),
        .totals = client_totals_read(json_member(finalize, "trip_quality")),
    };
}

static int64_t time_of(struct json v, struct arena *a)
{
    int64_t us;

    return time_parse(json_string(v, a), &us) ? us : TIME_NONE;
}

struct analysis_head golden_head(struct json trip, struct arena *a)
{
    struct json finalize = json_member(trip, "finalize");

    return (struct analysis_head){
        .trip_id = json_string(json_member(trip, "trip_id"), a),
        .start_us = time_of(json_member(finalize, "start_timestamp"), a),
        .end_us = time_of(json_member(finalize, "end_timestamp"), a),
        .revision = 1,
        .version = SCORE_3_1,
        .zone = "America/Chicago",
    };
}

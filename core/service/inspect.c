/*
 * inspect.c - the tables once through, resumably.
 *
 *   each table, by segments: what an item says by itself -> report
 *                            what takes two of them       -> notes
 *   now and then: report, position and length of the notes are kept together
 *   at the end: notes -> spill -> who belongs together comes together
 *
 * A note has hashes instead of ids and e-mails: it is small whatever they are,
 * and no list of people's addresses lies on the disk.
 */
#include "service/inspect.h"

#include <assert.h>
#include <stdlib.h>
#include "base/digest.h"
#include "base/fault.h"
#include "driver/driver.h"
#include "service/inspect_notes.h"
#include "store/spill.h"

#define KEEP_MS 5000
#define LOOK_MS 30000
#define PAGE_MS 60000
#define UNIT_BYTES 8192 /* of a read that may lag behind */
#define STATE_VERSION 1

/* A note: of what kind, of which id or e-mail, and then of which user. */
#define NOTE_COMPLETED 'c'
#define NOTE_ACTIVE 'a'
#define NOTE_SUMMARY 's'
#define NOTE_EMAIL 'e'
struct inspect_note {
    char kind;
    unsigned char key[MD5_SIZE], user[MD5_SIZE];
} __attribute__((packed));

/* What is kept, as it is in memory; behind it the walk's and the records'
 * texts. */
struct inspect_kept {
    int64_t version, size; /* of this struct: another program has another */
    int64_t began_us;
    int64_t table; /* that is being read */
    int64_t walk_n;
    struct inspect_report report;
};

struct inspecting {
    const struct call *c;
    const struct inspect_options *o;
    struct inspection *out;
    struct arena *a; /* of all its texts; small */
    struct notes *notes;
    struct str identity;
    int64_t table;
    struct trip_walk *walk; /* NULL: the table has not begun */
    int64_t kept_ms, began_ms, bytes_read;
    enum status noted; /* the first failure of a callback */
};

/* ---- keeping and going on ---- */

static enum status inspect_keep(struct inspecting *in)
{
    struct arena *a = arena_new(0);
    struct inspect_kept *kept = arena_alloc(a, sizeof *kept);
    struct str walk = in->walk ? trip_walk_print(in->walk, a) : STR_NONE;
    struct buf b;
    enum status st;

    *kept = (struct inspect_kept){.version = STATE_VERSION,
                                  .size = sizeof *kept,
                                  .began_us = in->out->began_us,
                                  .table = in->table,
                                  .walk_n = (int64_t)walk.n,
                                  .report = in->out->report};
    buf_init(&b, 4 * 1024 * 1024);
    buf_put(&b, (struct str){(const char *)kept, sizeof *kept});
    buf_put(&b, walk);
    buf_put(&b, in->identity);
    assert(buf_ok(&b));
    st = notes_keep(in->notes, buf_str(&b), in->c->err);
    buf_free(&b);
    arena_free(&a);
    in->kept_ms = clock_mono_ms();
    return st;
}

static enum status inspect_other(struct inspecting *in, const char *what)
{
    return err_set(in->c->err, ST_PRECONDITION, NULL,
                   "an inspect that was interrupted was of %s: --again begins "
                   "anew",
                   what);
}

static enum status inspect_restore(struct inspecting *in, struct str state)
{
    struct inspect_kept *kept = arena_alloc(in->a, sizeof *kept);
    struct str walk, identity;

    if (state.n < sizeof *kept)
        return inspect_other(in, "another version");
    memcpy(kept, state.p, sizeof *kept);
    if (kept->version != STATE_VERSION || kept->size != sizeof *kept ||
        kept->walk_n < 0 || (uint64_t)kept->walk_n > state.n - sizeof *kept)
        return inspect_other(in, "another version");
    walk = (struct str){state.p + sizeof *kept, (size_t)kept->walk_n};
    identity = (struct str){walk.p + walk.n, state.n - sizeof *kept - walk.n};
    if (!str_eq(identity, in->identity))
        return inspect_other(in, arena_z(in->a, identity));
    in->out->report = kept->report;
    in->out->began_us = kept->began_us;
    in->out->resumed = true;
    in->table = kept->table;
    return walk.n ? trip_walk_resume(walk, &in->walk, in->c->err) : ST_OK;
}

static enum status inspect_begin(struct inspecting *in)
{
    struct str state = STR_NONE;
    enum status st =
        records_identity(in->c->stores->records, deadline_in(LOOK_MS), in->a,
                         &in->identity, in->c->err);

    in->out->began_us = clock_wall_us();
    in->kept_ms = in->began_ms = clock_mono_ms();
    if (st == ST_OK && in->o->anew)
        st = notes_clear(in->notes, in->c->err);
    if (st == ST_OK)
        st = notes_resume(in->notes, in->a, &state, in->c->err);
    return st == ST_OK && state.n ? inspect_restore(in, state) : st;
}

/* ---- one item ---- */

static void inspect_note(struct inspecting *in, char kind, struct str key,
                         struct str user)
{
    struct inspect_note note = {.kind = kind};

    digest_md5(key, note.key);
    if (user.n)
        digest_md5(user, note.user);
    if (in->noted == ST_OK)
        in->noted =
            notes_add(in->notes, (struct str){(const char *)&note, sizeof note},
                      in->c->err);
}

static enum status inspect_item(void *ctx, const struct survey_item *i)
{
    struct inspecting *in = ctx;

    report_take(&in->out->report, (enum survey_table)in->table, i);
    in->bytes_read += i->size;
    if (in->table == SURVEY_SUMMARIES)
        inspect_note(in, NOTE_SUMMARY, i->key, STR_NONE);
    else if (in->table == SURVEY_TRIPS)
        inspect_note(
            in, str_is(i->status, "completed") ? NOTE_COMPLETED : NOTE_ACTIVE,
            i->key, STR_NONE);
    else if (in->table == SURVEY_USERS && driver_email_plausible(i->email)) {
        struct arena *a = arena_new(0);

        inspect_note(in, NOTE_EMAIL, driver_email_lower(i->email, a),
                     i->user_id);
        arena_free(&a);
    }
    return in->noted;
}

/* ---- a table ---- */

/* A page that cannot be had now is asked for again; the walk stands meanwhile.
 */
static enum status inspect_step(struct inspecting *in)
{
    enum status st;
    int tries = 0;

    do {
        err_clear(in->c->err);
        st = survey_walk(in->c->stores->records, (enum survey_table)in->table,
                         in->walk, deadline_in(PAGE_MS), inspect_item, in,
                         in->c->err);
    } while (in->noted == ST_OK && trip_walk_again(&tries, st));
    return st;
}

/* Who reads beside the running system leaves it what it needs. */
static void inspect_pace(const struct inspecting *in)
{
    int64_t units = in->bytes_read / UNIT_BYTES, due_ms;

    if (in->o->units <= 0)
        return;
    due_ms = in->began_ms + units * 1000 / in->o->units - clock_mono_ms();
    if (due_ms > 0)
        clock_sleep_ms(due_ms);
}

static bool inspect_is_due(const struct inspecting *in)
{
    return clock_mono_ms() - in->kept_ms >= KEEP_MS ||
           fault_point("inspect.keep");
}

static enum status inspect_walk(struct inspecting *in,
                                const struct survey_state *state)
{
    const struct inspect_table *t = &in->out->report.table[in->table];
    enum status st = ST_OK;

    if (!in->walk)
        in->walk = trip_walk_new(in->o->segments);
    while (st == ST_OK && !trip_walk_over(in->walk)) {
        st = inspect_step(in);
        fault_point("inspect.unkept");
        if (st == ST_OK && inspect_is_due(in))
            st = inspect_keep(in);
        fault_point("inspect.kept");
        if (st == ST_OK && in->o->progress)
            in->o->progress(in->o->ctx, state->name, t->items, state->items);
        if (st == ST_OK)
            inspect_pace(in);
    }
    trip_walk_free(&in->walk);
    return st;
}

static enum status inspect_table(struct inspecting *in)
{
    struct survey_state state;
    enum status st =
        survey_look(in->c->stores->records, (enum survey_table)in->table,
                    deadline_in(LOOK_MS), in->a, &state, in->c->err);

    if (st == ST_OK && !state.there && in->table != SURVEY_SUMMARIES)
        return err_set(in->c->err, ST_UNAVAILABLE, NULL, "there is no table %s",
                       state.name);
    if (st == ST_OK && state.there)
        st = inspect_walk(in, &state);
    if (st != ST_OK)
        return st;
    in->table++;
    return inspect_keep(in);
}

/* ---- what takes two ---- */

struct inspect_joining {
    struct inspecting *in;
    struct spill *spill;
    char left[sizeof(struct inspect_note)]; /* of a note, from the last piece */
    size_t left_n;
};

static enum status join_note(struct inspect_joining *j, const char *bytes)
{
    struct inspect_note note;
    char value[1 + MD5_SIZE];

    memcpy(&note, bytes, sizeof note);
    value[0] = note.kind;
    memcpy(value + 1, note.user, MD5_SIZE);
    return spill_add(j->spill, (struct str){(const char *)note.key, MD5_SIZE},
                     (struct str){value, sizeof value}, j->in->c->err);
}

static enum status join_take(void *ctx, struct str bytes)
{
    struct inspect_joining *j = ctx;
    enum status st = ST_OK;

    while (st == ST_OK && bytes.n) {
        size_t more = sizeof j->left - j->left_n;

        if (more > bytes.n)
            more = bytes.n;
        memcpy(j->left + j->left_n, bytes.p, more);
        j->left_n += more;
        bytes.p += more;
        bytes.n -= more;
        if (j->left_n < sizeof j->left)
            break;
        st = join_note(j, j->left);
        j->left_n = 0;
    }
    return st;
}

/* All notes of one id or e-mail. */
static void join_group(int64_t count[INSPECT_COUNTS],
                       const struct spill_item *item, size_t n)
{
    bool completed = false, active = false, summary = false;
    int64_t users = 0;

    for (size_t i = 0; i < n; i++) {
        char kind = item[i].value.p[0];

        completed = completed || kind == NOTE_COMPLETED;
        active = active || kind == NOTE_ACTIVE;
        summary = summary || kind == NOTE_SUMMARY;
        users += kind == NOTE_EMAIL;
    }
    count[COUNT_emails_shared] += users > 1;
    count[COUNT_users_sharing] += users > 1 ? users : 0;
    count[COUNT_trips_with_summary] += completed && summary;
    count[COUNT_unfinalized_with_summary] += active && summary;
    count[COUNT_summaries_without_trip] += summary && !completed && !active;
}

static enum status join_bucket(struct inspect_joining *j, int bucket,
                               struct arena *a)
{
    struct spill_items items;
    enum status st = spill_bucket(j->spill, bucket, a, &items, j->in->c->err);

    for (size_t i = 0, next; st == ST_OK && i < items.n; i = next) {
        next = spill_group_end(&items, i);
        join_group(j->in->out->report.count, &items.v[i], next - i);
    }
    return st;
}

static enum status inspect_join(struct inspecting *in)
{
    struct inspect_joining j = {
        .in = in, .spill = spill_new(in->c->stores->conf->server_spool)};
    struct arena *a = arena_new(1024 * 1024);
    enum status st = notes_read(in->notes, join_take, &j, in->c->err);

    for (int i = 0; st == ST_OK && i < SPILL_BUCKETS; i++) {
        arena_reset(a);
        st = join_bucket(&j, i, a);
    }
    arena_free(&a);
    spill_free(&j.spill);
    return st;
}

/* ---- the whole ---- */

static enum status inspect_all(struct inspecting *in)
{
    enum status st = inspect_begin(in);

    while (st == ST_OK && in->table < SURVEY_TABLES)
        st = inspect_table(in);
    if (st == ST_OK)
        st = inspect_join(in);
    for (int i = 0; st == ST_OK && i < SURVEY_TABLES; i++)
        st = survey_look(in->c->stores->records, (enum survey_table)i,
                         deadline_in(LOOK_MS), in->c->arena, &in->out->state[i],
                         in->c->err);
    if (st != ST_OK)
        return st;
    in->out->ended_us = clock_wall_us();
    notes_remove(in->notes);
    return ST_OK;
}

enum status inspect(const struct call *c, const struct inspect_options *o,
                    struct inspection *out)
{
    struct inspecting in = {.c = c, .o = o, .out = out};
    struct arena *a = arena_new(0);
    const char *folder =
        arena_printf(a, "%s/inspect", c->stores->conf->server_spool).p;
    enum status st;

    memset(out, 0, sizeof *out);
    in.a = a;
    st = notes_open(folder, &in.notes, c->err);
    if (st == ST_OK)
        st = inspect_all(&in);
    trip_walk_free(&in.walk);
    notes_close(&in.notes);
    arena_free(&a);
    return st;
}

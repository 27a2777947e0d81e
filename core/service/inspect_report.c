#include "service/inspect_report.h"

#include "driver/driver.h"

#define UNIT ((int64_t)4096) /* bytes of a read unit, strongly consistent */
#define SCAN_PAGE ((int64_t)1024 * 1024)
#define BATCH_GET ((int64_t)100)

static int64_t in_parts(int64_t n, int64_t part)
{
    return (n + part - 1) / part;
}

/* ---- ids ---- */

static void take_id(struct inspect_report *r, enum inspect_ids place,
                    struct str id)
{
    enum id_fault fault = id_fault(id);
    struct inspect_ids_found *found = &r->ids[place][fault];
    struct shown text;

    found->n++;
    if (fault == ID_FINE || fault == ID_EMPTY)
        return;
    text = shown_of(id);
    for (int i = 0; i < INSPECT_EXAMPLES; i++) {
        if (strcmp(found->example[i].z, text.z) == 0)
            return;
        if (found->example[i].z[0] == '\0') {
            found->example[i] = text;
            return;
        }
    }
}

/* ---- sizes ---- */

static void take_size(struct inspect_table *t, const struct survey_item *item)
{
    int at = INSPECT_LARGEST;

    t->items++;
    t->bytes += item->size;
    t->units += in_parts(item->size, UNIT);
    while (at > 0 && item->size > t->largest[at - 1].bytes)
        at--;
    if (at == INSPECT_LARGEST)
        return;
    memmove(&t->largest[at + 1], &t->largest[at],
            sizeof t->largest[0] * (size_t)(INSPECT_LARGEST - 1 - at));
    t->largest[at].bytes = item->size;
    t->largest[at].id = shown_of(item->key);
}

/* ---- what is particular to a table ---- */

static void take_user(struct inspect_report *r, const struct survey_item *i)
{
    take_id(r, IDS_USERS, i->user_id);
    if (i->email.n == 0)
        r->count[COUNT_users_without_email]++;
    else if (!driver_email_plausible(i->email))
        r->count[COUNT_emails_no_address]++;
}

static void take_trip(struct inspect_report *r, const struct survey_item *i)
{
    take_id(r, IDS_TRIPS, i->key);
    take_id(r, IDS_DRIVERS, i->user_id);
    r->count[str_is(i->status, "completed") ? COUNT_trips_completed
             : str_is(i->status, "active")  ? COUNT_trips_never_finalized
                                            : COUNT_trips_other_status]++;
    r->count[COUNT_trips_claimed] += i->ours;
    r->count[COUNT_trips_without_batches] += i->batches <= 0;
    r->count[COUNT_trips_end_before_start] += i->start_us != TIME_NONE &&
                                              i->end_us != TIME_NONE &&
                                              i->end_us < i->start_us;
    r->count[COUNT_batch_requests] +=
        i->batches > 0 ? in_parts(i->batches, BATCH_GET) : 1;
}

void report_take(struct inspect_report *r, enum survey_table table,
                 const struct survey_item *i)
{
    struct inspect_table *t = &r->table[table];

    take_size(t, i);
    for (int k = 0; survey_time_name(table, k); k++)
        t->times[k][i->time[k]]++;
    if (table == SURVEY_USERS)
        take_user(r, i);
    else if (table == SURVEY_TRIPS)
        take_trip(r, i);
}

struct inspect_backfill report_backfill(const struct inspect_report *r)
{
    const struct inspect_table *trips = &r->table[SURVEY_TRIPS];
    const struct inspect_table *users = &r->table[SURVEY_USERS];

    return (struct inspect_backfill){
        .units = in_parts(trips->bytes, UNIT) + r->table[SURVEY_BATCHES].units +
                 users->units,
        .requests = in_parts(trips->bytes, SCAN_PAGE) +
                    r->count[COUNT_batch_requests] + users->items};
}

/* ---- words ---- */

const char *inspect_count_words(enum inspect_count i)
{
    static const char *const words[] = {
#define COUNT(name, words) words,
#include "service/inspect.def"
#undef COUNT
    };

    return words[i];
}

const char *inspect_count_name(enum inspect_count i)
{
    static const char *const names[] = {
#define COUNT(name, words) #name,
#include "service/inspect.def"
#undef COUNT
    };

    return names[i];
}

const char *inspect_ids_words(enum inspect_ids i)
{
    static const char *const words[] = {[IDS_USERS] = "user_id of users",
                                        [IDS_TRIPS] = "trip_id of trips",
                                        [IDS_DRIVERS] = "user_id of trips"};

    return words[i];
}

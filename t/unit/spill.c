/* A spill: everything comes back, by key, whether it went to the file or not.
 */
#include "store/spill.h"

#include <dirent.h>
#include <string.h>
#include "t/unit/procs.h"
#include "t/unit/tap.h"

#define KEYS 700
#define VALUES 60

static struct arena *arena;
static struct err err;

static struct str key_of(int k)
{
    return arena_printf(arena, "driver-%d", k);
}

/* In an order in which no key's values stand together; each is added twice. */
static void fill(struct spill *s)
{
    int failed = 0;

    for (int v = 0; v < 2 * VALUES; v++)
        for (int k = 0; k < KEYS; k++)
            failed += spill_add(s, key_of(k),
                                arena_printf(arena, "%d of %d, and more",
                                             v % VALUES, k),
                                &err) != ST_OK;
    CHECK(failed == 0);
}

static void check_whole(struct spill *s)
{
    struct arena *a = arena_new(0);
    int used = 0, keys = 0, odd = 0, out_of_order = 0;
    size_t most = 0, values = 0;

    for (int b = 0; b < SPILL_BUCKETS; b++) {
        struct spill_items items;

        arena_reset(a);
        CHECK(spill_bucket(s, b, a, &items, &err) == ST_OK);
        used += items.n > 0;
        most = items.n > most ? items.n : most;
        values += items.n;
        for (size_t i = 0; i < items.n; i++) {
            const struct spill_item *now = &items.v[i], *last = now - 1;
            char *key = arena_z(a, now->key), *value = arena_z(a, now->value);
            int k = -1, of = -2, v;

            if (sscanf(key, "driver-%d", &k) != 1 ||
                sscanf(value, "%d of %d, and more", &v, &of) != 2 || k != of)
                odd++;
            keys += i == 0 || !str_eq(now->key, last->key);
            if (i > 0 && (str_cmp(last->key, now->key) > 0 ||
                          (str_eq(last->key, now->key) &&
                           str_cmp(last->value, now->value) >= 0)))
                out_of_order++;
        }
    }
    tap_note("%d buckets used, %zu items in the fullest", used, most);
    CHECK(keys == KEYS && odd == 0 && out_of_order == 0);
    CHECK(values == (size_t)KEYS * VALUES);
    CHECK(used > SPILL_BUCKETS * 3 / 4 && most < values / 16);
    arena_free(&a);
}

static int files_in(const char *folder)
{
    DIR *dir = opendir(folder);
    int n = -2; /* . and .. */

    while (dir && readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void many(const char *folder)
{
    struct spill *s = spill_new(folder);

    fill(s);
    CHECK(files_in(folder) == 0); /* it has no name */
    check_whole(s);
    check_whole(s); /* taking back takes nothing away */
    spill_free(&s);
    CHECK(s == NULL);
}

static void repeats(const char *folder)
{
    struct spill *s = spill_new(folder);
    struct spill_items items;
    enum status st = ST_OK;
    size_t n = 0;

    for (int i = 0; i < 5000 && st == ST_OK; i++)
        st = spill_add(s, STR_LIT("same"), STR_LIT("value"), &err);
    CHECK(st == ST_OK);
    CHECK(spill_add(s, STR_LIT("same"), STR_NONE, &err) == ST_OK);
    for (int b = 0; b < SPILL_BUCKETS; b++) {
        CHECK(spill_bucket(s, b, arena, &items, &err) == ST_OK);
        n += items.n;
        if (items.n == 2)
            CHECK(items.v[0].value.n == 0 && str_is(items.v[1].value, "value"));
    }
    CHECK(n == 2);
    spill_free(&s);
}

/* What fits into memory needs no folder; what does not, says which it lacks. */
static void no_folder(void)
{
    struct spill *s = spill_new("/nowhere/at/all");
    char text[SPILL_ITEM_MAX + 1];
    struct spill_items items;
    enum status st = ST_OK;
    int added = 0;

    memset(text, 'x', sizeof text);
    CHECK(spill_add(s, STR_LIT("k"), (struct str){text, SPILL_ITEM_MAX},
                    &err) == ST_TOO_LARGE);
    while (added < 10 && st == ST_OK) {
        st = spill_add(s, STR_LIT("k"), (struct str){text, SPILL_ITEM_MAX - 1},
                       &err);
        added += st == ST_OK;
    }
    CHECK(added == 1 && st == ST_UNAVAILABLE);
    CHECK(strstr(err.text, "/nowhere/at/all") != NULL);
    for (int b = 0; b < SPILL_BUCKETS; b++)
        if (spill_bucket(s, b, arena, &items, &err) != ST_OK)
            added = -1;
    CHECK(added == 1); /* what was taken is still there */
    spill_free(&s);
}

int main(void)
{
    const char *folder = temp_folder();

    arena = arena_new(0);
    many(folder);
    repeats(folder);
    no_folder();
    temp_remove(folder);
    arena_free(&arena);
    return tap_end();
}

#include "driver/user_file.h"

#include <stdlib.h>
#include "base/list.h"
#include "store/ddb.h"

#define FILE_DEPTH (DDB_DEPTH + 4) /* a list, an item's own name */

struct file_reading {
    struct arena *a;
    struct user_file *out;
    size_t place;
};

/* ---- entries ---- */

static struct user_entry *entry_add(struct file_reading *f)
{
    struct user_file *out = f->out;

    out->entry = list_room(f->a, out->entry, out->n, sizeof *out->entry);
    out->entry[out->n] = (struct user_entry){.place = f->place};
    return &out->entry[out->n++];
}

/* An item of an export to S3 has a wrapping of its own. */
static void entry_read(struct file_reading *f, struct json v)
{
    struct user_entry *e = entry_add(f);
    struct json item = json_member(v, "Item");
    struct err why = ERR_NONE;

    if (item.type == JSON_OBJECT && json_member(v, "user_id").type == JSON_NONE)
        v = item;
    if (user_read(v, f->a, &e->user, &why) != ST_OK)
        e->why = arena_copy(f->a, str_of(why.text));
}

/* ---- what kind of file ---- */

static void read_list(struct file_reading *f, struct json list)
{
    struct json_iter it = json_iter(list);
    struct json key, v;

    while (json_next(&it, &key, &v)) {
        f->place++;
        entry_read(f, v);
    }
}

static void read_whole(struct file_reading *f, struct json root)
{
    struct json items = json_member(root, "Items");

    if (root.type == JSON_ARRAY) {
        read_list(f, root);
    } else if (items.type == JSON_ARRAY &&
               json_member(root, "user_id").type == JSON_NONE) {
        read_list(f, items);
    } else {
        f->place = 1;
        entry_read(f, root);
    }
}

/* The next line without white space around it; false at the end. */
static bool next_line(struct str *left, struct str *line)
{
    const char *end;

    if (left->n == 0)
        return false;
    end = memchr(left->p, '\n', left->n);
    *line = (struct str){left->p, end ? (size_t)(end - left->p) : left->n};
    left->p += line->n + (end != NULL);
    left->n -= line->n + (end != NULL);
    *line = str_trim(*line);
    return true;
}

/* Its first line is a whole value, and not all of the file. */
static bool has_lines(struct str text)
{
    struct str line = STR_NONE, left = text;
    struct json v;

    while (line.n == 0)
        if (!next_line(&left, &line))
            return false;
    return str_trim(left).n > 0 &&
           json_check(line, FILE_DEPTH, &v, NULL) == ST_OK;
}

static void read_lines(struct file_reading *f, struct str text)
{
    struct str line;

    while (next_line(&text, &line)) {
        struct err why = ERR_NONE;
        struct json v;

        f->place++;
        if (line.n == 0)
            continue;
        if (json_check(line, FILE_DEPTH, &v, &why) == ST_OK)
            entry_read(f, v);
        else
            entry_add(f)->why = arena_copy(f->a, str_of(why.text));
    }
}

/* ---- what occurs twice ---- */

struct user_text {
    struct str text;
    size_t entry;
};

static int by_text(const void *pa, const void *pb)
{
    const struct user_text *a = pa, *b = pb;
    int c = str_cmp(a->text, b->text);

    return c ? c : (a->entry > b->entry) - (a->entry < b->entry);
}

static void refuse_again(struct user_entry *first, struct user_entry *again,
                         struct arena *a)
{
    again->why =
        arena_printf(a, "its user_id occurs before (%zu), and that one counts",
                     first->place);
}

static void share_email(struct user_entry *first, struct user_entry *again,
                        struct arena *a)
{
    (void)a;
    first->user.shares_email = again->user.shares_email = true;
    again->like = first;
}

/* Each user that is not refused, with the first that has the same text. */
static void find_same(struct file_reading *f,
                      struct str (*text)(const struct user *u),
                      void (*found)(struct user_entry *first,
                                    struct user_entry *again, struct arena *a))
{
    struct user_entry *entry = f->out->entry;
    struct user_text *all = arena_alloc_n(f->a, f->out->n + 1, sizeof *all);
    size_t n = 0, first = 0;

    for (size_t i = 0; i < f->out->n; i++)
        if (entry[i].why.n == 0 && text(&entry[i].user).n)
            all[n++] = (struct user_text){text(&entry[i].user), i};
    qsort(all, n, sizeof *all, by_text);
    for (size_t i = 1; i < n; i++)
        if (str_eq(all[i].text, all[first].text))
            found(&entry[all[first].entry], &entry[all[i].entry], f->a);
        else
            first = i;
}

static struct str user_id_of(const struct user *u)
{
    return u->user_id;
}

static struct str email_of(const struct user *u)
{
    return u->email;
}

enum status user_file_read(struct str text, struct arena *a,
                           struct user_file *out, struct err *err)
{
    struct file_reading f = {.a = a, .out = out};
    struct json root;
    enum status st = ST_OK;

    *out = (struct user_file){.lines = has_lines(text)};
    if (out->lines)
        read_lines(&f, text);
    else if ((st = json_check(text, FILE_DEPTH, &root, err)) == ST_OK)
        read_whole(&f, root);
    if (st != ST_OK)
        return st;
    find_same(&f, user_id_of, refuse_again);
    find_same(&f, email_of, share_email);
    return ST_OK;
}

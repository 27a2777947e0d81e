/* objects_dir_read.c - objects got from a directory, and listed. */
#include "store/objects_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/dir_file.h"
#include "store/dir_place.h"
#include "store/folder.h"
#include "store/keys.h"

/* ---- reading ---- */

static bool etag_refused(const struct object_want *w, const struct etag *now)
{
    return (w->match.z[0] && strcmp(w->match.z, now->z) != 0) ||
           strcmp(w->unless.z, now->z) == 0;
}

static enum status get_at(int root, const struct object_want *want, size_t max,
                          struct arena *a, struct object *out, struct err *err)
{
    char path[KEY_MAX];
    struct dir_file f;
    enum status st;

    *out = (struct object){0};
    snprintf(path, sizeof path, "%.*s", STR_ARG(want->key));
    st = dir_file_open(root, path, &f, err);
    if (st == ST_OK)
        st = dir_file_etag(&f, &out->etag, err);
    if (st == ST_OK && etag_refused(want, &out->etag))
        st = err_set(err, ST_PRECONDITION, NULL, "%s: %s version is there",
                     path, want->match.z[0] ? "another" : "the same");
    if (st == ST_OK && (uintmax_t)f.sb.st_size > max)
        st = err_set(err, ST_TOO_LARGE, NULL, "%s: %lld bytes, over %zu", path,
                     (long long)f.sb.st_size, max);
    if (st == ST_OK)
        st = dir_file_read(&f, a, out, err);
    dir_file_close(&f);
    return st;
}

static enum status get_wanted(struct objects *s, const struct object_want *want,
                              size_t max, struct deadline d, struct arena *a,
                              struct object *out, struct err *err)
{
    int root;
    /* Maintenance looks there now and then: no test of readers means it. */
    enum status st = objects_dir_begin(s,
                                       key_is_installation(want->key)
                                           ? "dir.installation.fail"
                                           : "dir.get.fail",
                                       d, &root, err);

    if (st == ST_OK)
        st = get_at(root, want, max, a, out, err);
    fd_close(&root);
    return st;
}

enum status objects_dir_get(struct objects *s, struct str key,
                            const struct etag *match, size_t max,
                            struct deadline d, struct arena *a,
                            struct object *out, struct err *err)
{
    struct object_want want = {.key = key};

    if (match)
        want.match = *match;
    return get_wanted(s, &want, max, d, a, out, err);
}

static enum status get_all(struct objects *s, const struct object_want *want,
                           size_t n, size_t max, struct deadline d,
                           objects_got got, void *ctx)
{
    struct arena *a = arena_new(256 * 1024);
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < n; i++) {
        struct object obj;
        struct err why = ERR_NONE;

        st = get_wanted(s, &want[i], max, d, a, &obj, &why);
        st = got(ctx, &want[i], st, st == ST_OK ? &obj : NULL, &why);
        arena_reset(a);
    }
    arena_free(&a);
    return st;
}

/* ---- listing ---- */

struct listing {
    const struct object_range *range;
    struct deadline deadline;
};

static bool in_range(const struct object_range *r, struct str key)
{
    return str_starts(key, r->prefix) &&
           (!r->after.n || str_cmp(key, r->after) > 0) &&
           (!r->until.n || str_cmp(key, r->until) <= 0);
}

/* No object; but if something lies there all the same, its name is told. */
static enum status list_no_object(const struct listing *l, int at,
                                  const char *name, struct str key)
{
    const struct object_entry e = {.key = key};
    struct stat sb;

    return fstatat(at, name, &sb, AT_SYMLINK_NOFOLLOW) ||
                   S_ISREG(sb.st_mode) /* made in this moment */
               ? ST_OK
               : l->range->listed(l->range->ctx, &e);
}

/*
    One object, if it is still there: what a writer removed since the folder
    was read is left out.
 */
static enum status list_one(const struct listing *l, int at, const char *name,
                            struct str key, struct err *err)
{
    struct object_entry e = {.key = key};
    struct dir_file f;
    enum status st;

    if (!in_range(l->range, key))
        return ST_OK;
    if (deadline_over(l->deadline))
        return err_set(err, ST_TIMEOUT, NULL, "no time left to list %.*s",
                       STR_ARG(l->range->prefix));
    st = dir_file_open(at, name, &f, err);
    if (st == ST_NOT_FOUND) {
        err_clear(err);
        return list_no_object(l, at, name, key);
    }
    if (st == ST_OK)
        st = dir_file_etag(&f, &e.etag, err);
    dir_file_close(&f);
    if (st != ST_OK)
        return st;
    e.size = f.sb.st_size;
    e.modified_us = dir_file_modified_us(&f);
    return l->range->listed(l->range->ctx, &e);
}

/*
    What is in one of the driver's folders, if there can be any of the range.
 */
static enum status list_folder(const struct listing *l, int root,
                               struct str path, struct arena *a,
                               struct err *err)
{
    struct str prefix = l->range->prefix;
    char key[KEY_MAX];
    struct folder_names names;
    enum status st;
    int folder;

    if (!str_starts(prefix, path) && !str_starts(path, prefix))
        return ST_OK;
    folder = folder_reach(root, path.p);
    if (folder < 0 && (errno == ENOENT || errno == ENOTDIR))
        return ST_OK;
    if (folder < 0)
        return file_errno(err, "open folder", path.p);
    st = folder_names(folder, NAMES_PLAIN, a, &names, err);
    for (size_t i = 0; st == ST_OK && i < names.n; i++) {
        int n = snprintf(key, sizeof key, "%s%s", path.p, names.v[i]);

        st = list_one(l, folder, names.v[i], (struct str){key, (size_t)n}, err);
    }
    close(folder);
    return st;
}

enum status objects_dir_list_driver(int root, struct str user_id,
                                    const struct object_range *range,
                                    struct deadline d, struct arena *a,
                                    struct err *err)
{
    const struct listing l = {range, d};
    struct str summary = key_summary(a, user_id);
    enum status st =
        list_folder(&l, root, key_packs_prefix(a, user_id), a, err);

    if (st == ST_OK)
        st = list_one(&l, root, summary.p, summary, err);
    if (st == ST_OK)
        st = list_folder(&l, root, key_trips_prefix(a, user_id), a, err);
    return st;
}

static enum status list_range(struct objects *s, struct object_range *range,
                              struct deadline d, struct err *err)
{
    int root;
    enum status st = objects_dir_begin(s, "dir.list.fail", d, &root, err);
    struct arena *a = arena_new(0);

    range->pages = 1;
    if (st == ST_OK)
        st = objects_dir_list_driver(root, key_driver(range->prefix), range, d,
                                     a, err);
    fd_close(&root);
    arena_free(&a);
    return st;
}

enum status objects_dir_look(struct objects *s, struct object_range *range,
                             size_t ranges, const struct object_want *want,
                             size_t wants, size_t max, struct deadline d,
                             objects_got got, void *ctx, struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < ranges; i++)
        st = list_range(s, &range[i], d, err);
    if (st == ST_OK)
        st = get_all(s, want, wants, max, d, got, ctx);
    return st;
}

/*
 * files.h - answers as files of this host, for the web server to send.
 *
 * In the folder cache.files; a file's bytes never change: its name is made of
 * whose answer it is, the driver's token, the variant, and the moment at
 * which its store read began, so that a new token makes all older names
 * unreachable. It appears whole (a temporary, then a rename), so several
 * workers may write the same one. Nothing is synced: the machine's boot is part
 * of the name, and what a power cut left half written has no reader.
 *
 * Its first letters name the driver (and whether it is of those answers of
 * which he has any number), so that one driver's share can be bounded.
 *
 * The maintenance process keeps the folder in bounds (files_evict). A file
 * may go between the worker's look and the web server's open; the web server
 * then asks once more, without files.
 */
#ifndef DG_STORE_FILES_H
#define DG_STORE_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include "base/conf.h"
#include "store/cache.h"

struct files;

bool files_wanted(const struct conf *c);
/*
    cache.files is not `none`.
 */

enum status files_open(const struct conf *c, struct files **out,
                       struct err *err) MUST_CHECK;
/*
    Makes the folder when it is missing. *out is NULL, and that is ST_OK, when
    none is wanted.
 */
void files_close(struct files **f);

#define FILE_NAME_SIZE 64
struct file_name {
    char z[FILE_NAME_SIZE + 1];
};
void files_name(const struct files *f, struct str user_id,
                const struct cache_token *t, struct str variant, bool chosen,
                int64_t read_began_ms, struct file_name *out);
/*
    chosen: it is one of any number, which have a bound of their own.
 */

bool files_have(const struct files *f, const struct file_name *name);

enum status files_read(const struct files *f, const struct file_name *name,
                       struct buf *out, struct err *err) MUST_CHECK;
/*
    Appends its bytes. ST_TOO_LARGE: they are more than out may hold. Any other
    failure: it is gone, or cannot be read.
 */

/* Where the bytes of a file come from: calls `take` for each part. */
typedef enum status (*files_take)(void *to, struct str part);
typedef enum status (*files_source)(void *ctx, files_take take, void *to,
                                    struct err *err);
enum status files_write(struct files *f, const struct file_name *name,
                        int64_t read_began_ms, files_source source, void *ctx,
                        struct err *err) MUST_CHECK;
/*
    Readable by the folder's group, and no longer than cache.ttl and
    cache.stale_if_error after read_began_ms. ST_UNAVAILABLE (files_no_room):
    the file system has no more than its reserve (disk.h).
 */

enum status files_evict(struct files *f, struct err *err) MUST_CHECK;
/*
    Removes what is older than that, of each driver the oldest of more than
    cache.views or cache.files_driver (his chosen ones and the others each; the
    newest stays), and the oldest until all together are
    within cache.files_max (and half of the file system), and until that has its
    reserve. Cheap when nothing was written since.
 */

#endif

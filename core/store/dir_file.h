/*
 * dir_file.h - one object as a file: its body, ETag and attributes.
 *
 * For objects_dir.c. What S3 keeps beside a body is kept in extended
 * attributes: user.dg.etag, .trip_id, .user_id, .behavior_score,
 * .content_type, .content_encoding. The ETag stands there with the size and
 * mtime it was computed for, so that a file placed or edited by hand is
 * noticed and hashed anew.
 */
#ifndef DG_STORE_DIR_FILE_H
#define DG_STORE_DIR_FILE_H

#include <sys/stat.h>
#include "store/objects.h"

struct dir_file {
    int fd; /* -1: none */
    struct stat sb;
    int shut; /* errno of what keeps it from being read; 0: nothing */
};

enum status dir_file_open(int at, const char *path, struct dir_file *out,
                          struct err *err) MUST_CHECK;
/*
    One version, whole, for as long as it is open: writers never change a file
    but rename another over it. ST_NOT_FOUND: nothing there, or nothing that is
    an object (a folder, a link, a pipe). ST_OK also for a file that is there
   and cannot be opened (rights, a bad block): it has an ETag of its own kind,
   so that it can be replaced, and dir_file_read says ST_CORRUPT.
 */
void dir_file_close(struct dir_file *f);

int64_t dir_file_modified_us(const struct dir_file *f);
enum status dir_file_etag(struct dir_file *f, struct etag *out,
                          struct err *err) MUST_CHECK;
enum status dir_file_read(const struct dir_file *f, struct arena *a,
                          struct object *out, struct err *err) MUST_CHECK;
/*
    The body, the time and the user metadata; not the ETag.
 */

enum status dir_file_write(int folder, const char *name, struct str body,
                           const struct object_meta *meta, bool sync,
                           struct etag *etag, struct err *err) MUST_CHECK;
/*
    A new file with body and attributes, synced on request (its folder never
    is). Something
    may be there under the name when this fails. ST_UNAVAILABLE, with what to
    do, on a file system without extended attributes of users.
 */

#endif

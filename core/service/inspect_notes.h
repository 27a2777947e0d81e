/*
 * inspect_notes.h - what inspect writes down, so that it can go on.
 *
 * A folder with two files: `notes`, to which bytes are only added, and `state`,
 * a text of the caller's that was true when the notes were so long. After a
 * crash both are as at the last notes_keep.
 */
#ifndef DG_SERVICE_INSPECT_NOTES_H
#define DG_SERVICE_INSPECT_NOTES_H

#include <stdint.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct notes;

enum status notes_open(const char *folder, struct notes **out,
                       struct err *err) MUST_CHECK;
/*
    Makes the folder when it is missing. ST_BUSY: another process has it. folder
    must outlive it.
 */
void notes_close(struct notes **n);

enum status notes_resume(struct notes *n, struct arena *a, struct str *state,
                         struct err *err) MUST_CHECK;
/*
    The state that was kept, and the notes as they were then; empty, and no
    notes, when none was kept. ST_CORRUPT: what lies there is no state.
 */
enum status notes_clear(struct notes *n, struct err *err) MUST_CHECK;
/*
    Neither notes nor state.
 */

enum status notes_add(struct notes *n, struct str bytes,
                      struct err *err) MUST_CHECK;
enum status notes_keep(struct notes *n, struct str state,
                       struct err *err) MUST_CHECK;
/*
    Durable when ST_OK.
 */

typedef enum status (*notes_take)(void *ctx, struct str bytes);
enum status notes_read(struct notes *n, notes_take take, void *ctx,
                       struct err *err) MUST_CHECK;
/*
    All that was added, in pieces of any length.
 */

void notes_remove(struct notes *n);
/*
    The folder and all in it: the work is done. What cannot be removed stays.
 */

#endif

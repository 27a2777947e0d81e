/*
 * keys.h - ids and the object keys made of them.
 *
 *   users/{user_id}/trips/{trip_id}_{end_timestamp_ms}.json.gz
 *   users/{user_id}/summary.json.gz
 *   users/{user_id}/packs/{number}.json.gz
 *   installation.json
 *
 * Ids are checked before they become keys or paths: 1 to 128 of
 * `A-Z a-z 0-9 . _ @ + : = -`, not starting with a dot (doc/wire.md, "Ids").
 */
#ifndef DG_STORE_KEYS_H
#define DG_STORE_KEYS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/str.h"

#define ID_MAX 128

bool id_valid(struct str id);

enum id_fault {
    ID_FINE,
    ID_EMPTY,
    ID_LONG,
    ID_DOT,   /* at its beginning */
    ID_BLANK, /* from here on: the first character that is refused */
    ID_APOSTROPHE,
    ID_SLASH,
    ID_LETTER, /* beyond ASCII */
    ID_CONTROL,
    ID_CHARACTER, /* any other */
    ID_FAULTS
};
enum id_fault id_fault(struct str id);
const char *id_fault_name(enum id_fault fault);
/*
    Why an id is not valid, for those who have to do something about it; and in
    words, static.
 */

struct str key_trips_prefix(struct arena *a, struct str user_id);
struct str key_trip(struct arena *a, struct str user_id, struct str trip_id,
                    int64_t end_ms);
struct str key_trip_prefix(struct arena *a, struct str user_id,
                           struct str trip_id);
/*
    `users/U/trips/T_`: what all objects of trip T start with (and those of a
    trip whose id goes on after `T_`: compare with key_parse_trip).
 */
struct str key_summary(struct arena *a, struct str user_id);

bool key_parse_trip(struct str key, struct str *user_id, struct str *trip_id,
                    int64_t *end_ms);
/*
    False for any other key, also for one whose ids are not valid or whose
    number key_trip would print otherwise, or is beyond +-2^53: JSON's readers,
    ours too, would take it for another. The time is what follows the last
    `_`. The strs are views of key.
 */

bool key_is_summary(struct str key);

struct str key_packs_prefix(struct arena *a, struct str user_id);
struct str key_pack(struct arena *a, struct str user_id, int64_t number);
/*
    number from 1 on.
 */
bool key_parse_pack(struct str key, struct str *user_id, int64_t *number);
/*
    False for any other key, also for one that key_pack would print otherwise or
    whose number is beyond 2^53.
 */

struct str key_installation(void);
/*
    The one key that is no driver's (installation.h).
 */
bool key_is_installation(struct str key);

struct str key_driver(struct str key);
/*
    The user_id in any key under users/U/, STR_NONE else or when it is not
    valid.
 */

#endif

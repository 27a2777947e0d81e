#include "base/once.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include "base/digest.h"
#include "base/memory.h"

/* The beginnings of hashes. */
#define ROWS 1024
#define WAYS 8

struct once_row {
    _Atomic uint64_t way[WAYS]; /* 0: free */
};

static struct once_row *rows;

void once_share(void)
{
    if (!rows)
        rows = memory_shared(ROWS * sizeof *rows);
}

/* Another process may take the same place, for the same or for something else,
 * at any moment. */
static bool once_take(struct once_row *row, uint64_t hash)
{
    for (int i = 0; i < WAYS; i++) {
        uint64_t there = 0;

        if (atomic_compare_exchange_strong(&row->way[i], &there, hash))
            return true;
        if (there == hash)
            return false;
    }
    atomic_store(&row->way[hash / ROWS % WAYS], hash);
    return true;
}

bool once_first(struct str what)
{
    unsigned char md[MD5_SIZE];
    uint64_t hash;

    once_share();
    digest_md5(what, md);
    memcpy(&hash, md, sizeof hash);
    hash += hash == 0;
    return once_take(&rows[hash % ROWS], hash);
}

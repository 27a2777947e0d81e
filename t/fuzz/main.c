#include "t/fuzz/fuzz.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/clock.h"

#define INPUT_MAX 4096
/* So many inputs, or as many as this time allows. */
#define ROUNDS 60000
#define LIMIT_MS 1000

/* ---- replaying files ---- */

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "r");
    uint8_t *data = NULL;
    size_t n = 0, got = 1;

    while (f && got) {
        data = realloc(data, n + 65536);
        if (!data)
            abort();
        got = fread(data + n, 1, 65536, f);
        n += got;
    }
    if (!f || ferror(f)) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    } else {
        printf("%s\n", path);
        fflush(stdout); /* the last name printed is that of a crash */
        LLVMFuzzerTestOneInput(data, n);
    }
    if (f)
        fclose(f);
    free(data);
    return f ? 0 : 1;
}

static int replay(const char *path)
{
    struct dirent **list;
    struct stat st;
    int n, failed = 0;

    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return replay_file(path);
    n = scandir(path, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char file[4096];

        snprintf(file, sizeof file, "%s/%s", path, list[i]->d_name);
        if (list[i]->d_name[0] != '.')
            failed |= replay(file);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    return failed | (n < 0);
}

/* ---- changing seeds ---- */

static uint64_t state = 0x9e3779b97f4a7c15u;

static size_t below(size_t bound)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return bound ? (size_t)(state >> 11) % bound : 0;
}

static size_t count(const struct fuzz_text *list)
{
    size_t n = 0;

    while (list[n].p)
        n++;
    return n;
}

/* Puts n bytes of `what` over `old` bytes at `at`, if there is room. */
static size_t replace(char *z, size_t len, size_t at, size_t old,
                      const char *what, size_t n)
{
    if (len - old + n > INPUT_MAX)
        return len;
    memmove(z + at + n, z + at + old, len - at - old);
    memcpy(z + at, what, n);
    return len - old + n;
}

static size_t change(char *z, size_t len)
{
    size_t at = below(len + 1), rest = len - at, n = below(rest + 1) % 16;
    char copy[256], byte = (char)below(256);
    const struct fuzz_text *word;

    switch (below(5)) {
    case 0:
        return replace(z, len, at, rest ? 1 : 0, &byte, 1);
    case 1:
        return replace(z, len, at, n, "", 0);
    case 2: /* the same again, elsewhere */
        memcpy(copy, z + at, n);
        return replace(z, len, below(len + 1), 0, copy, n);
    case 3:
        if (rest)
            z[at] ^= (char)(1 << below(8));
        return len;
    default:
        word = &fuzz_words[below(count(fuzz_words))];
        return replace(z, len, at, n % 2 ? n : 0, word->p, word->n);
    }
}

/* On the heap and to the byte: the sanitizer sees a step too far. */
static void try_exactly(const char *z, size_t len)
{
    uint8_t *exact = malloc(len ? len : 1);

    if (!exact)
        abort();
    memcpy(exact, z, len);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static void try_changed(const struct fuzz_text *seed)
{
    char z[INPUT_MAX];
    size_t len = seed->n;

    assert(len <= INPUT_MAX);
    memcpy(z, seed->p, len);
    for (size_t times = below(6); times > 0; times--)
        len = change(z, len);
    try_exactly(z, len);
}

int main(int argc, char **argv)
{
    size_t seeds = count(fuzz_seeds);
    int64_t until = clock_mono_ms() + LIMIT_MS;
    int failed = 0, n = 0;

    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]);
    if (argc > 1)
        return failed;
    for (size_t i = 0; i < seeds; i++)
        try_exactly(fuzz_seeds[i].p, fuzz_seeds[i].n);
    printf("ok 1 - %zu seeds\n", seeds);
    for (; n < ROUNDS && clock_mono_ms() < until; n++)
        try_changed(&fuzz_seeds[below(seeds)]);
    printf("ok 2 - %d changed inputs\n1..2\n", n);
    return 0;
}

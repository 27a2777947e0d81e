/*
 * libfuzzer.c - `NAME --export FOLDER` writes what libFuzzer is to begin with:
 * FOLDER/seeds/, a file a seed, and FOLDER/words, the dictionary.
 */
#include "t/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

static FILE *create(const char *folder, const char *name)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    if (!f) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    return f;
}

static void finish(FILE *f)
{
    if (fclose(f) != 0) {
        perror("--export");
        exit(EXIT_FAILURE);
    }
}

static void export_seeds(const char *folder)
{
    char path[4096], name[32];

    snprintf(path, sizeof path, "%s/seeds", folder);
    mkdir(path, 0755); /* where it is not there, create() says so */
    for (size_t i = 0; fuzz_seeds[i].p; i++) {
        FILE *f;

        snprintf(name, sizeof name, "%03zu", i);
        f = create(path, name);
        fwrite(fuzz_seeds[i].p, 1, fuzz_seeds[i].n, f);
        finish(f);
    }
}

/* A word a line, in quotes, each byte as \xNN. */
static void export_words(const char *folder)
{
    FILE *f = create(folder, "words");

    for (size_t i = 0; fuzz_words[i].p; i++) {
        fputc('"', f);
        for (size_t k = 0; k < fuzz_words[i].n; k++)
            fprintf(f, "\\x%02x", (unsigned char)fuzz_words[i].p[k]);
        fputs("\"\n", f);
    }
    finish(f);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    if (*argc != 3 || strcmp((*argv)[1], "--export") != 0)
        return 0;
    export_seeds((*argv)[2]);
    export_words((*argv)[2]);
    exit(EXIT_SUCCESS);
}

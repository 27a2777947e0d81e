/* The spool's folder, moved, cleared away or closed to us under its feet. */
#include "t/unit/spool.h"

#include "store/folder.h"

/* One of the two is moved away: nothing goes where nobody looks. */
static void half_replaced(void)
{
    char aside[320];
    struct spool_entry t;

    snprintf(aside, sizeof aside, "%s.aside", folder);
    CHECK(rename(path_of("trips"), aside) == 0);
    CHECK(spool_owe(spool, &trip_debt, &t, &err) == ST_OK);
    CHECK(access(path_of("trips"), F_OK) == 0);
    spool_done(spool, &t);
    temp_remove(aside);

    CHECK(rename(path_of("tokens"), aside) == 0);
    CHECK(spool_add(spool, &token_debt, &err) == ST_OK);
    CHECK(token_waits(USER));
    CHECK(spool_work(spool, DEBT_token, add_nothing, NULL, &err) == ST_OK);
    /* What cannot be looked into may hide an entry. */
    temp_remove(path_of("tokens"));
    put_file("tokens", "", 0);
    CHECK(token_waits(USER));
    CHECK(unlink(path_of("tokens")) == 0 &&
          rename(aside, path_of("tokens")) == 0);
    CHECK(!token_waits(USER));
}

static int temporaries(void)
{
    struct arena *a = arena_new(0);
    struct folder_names names = {.n = 99};
    int n, fd = open(path_of("trips"), O_RDONLY | O_DIRECTORY);

    CHECK(folder_names(fd, NAMES_TEMP, a, &names, &err) == ST_OK);
    n = (int)names.n;
    close(fd);
    arena_free(&a);
    return n;
}

/* Somebody clears the state folder away under a running process. */
static void folder_replaced(void)
{
    char aside[320];
    struct spool_entry t;

    snprintf(aside, sizeof aside, "%s.aside", folder);
    CHECK(spool_add(spool, &token_debt, &err) == ST_OK);
    CHECK(rename(folder, aside) == 0);
    CHECK(!token_waits(USER));
    CHECK(spool_owe(spool, &trip_debt, &t, &err) == ST_OK);
    CHECK(access(path_of("trips"), F_OK) == 0);
    spool_leave(spool, &t);
    CHECK(taken(SPOOL_SETTLED) == 1);

    temp_remove(folder);
    CHECK(rename(aside, folder) == 0); /* and back */
    CHECK(owed(DEBT_token) == 1 && token_waits(USER));
    CHECK(spool_work(spool, DEBT_token, add_nothing, NULL, &err) == ST_OK);
    CHECK(owed(DEBT_token) == 0);

    temp_remove(folder);
    CHECK(spool_add(spool, &token_debt, &err) == ST_OK);
    CHECK(token_waits(USER));
    CHECK(spool_work(spool, DEBT_token, add_nothing, NULL, &err) == ST_OK);
}

static void not_writable(void)
{
    FILE *f;

    CHECK(spool_check(spool, &err) == ST_OK);
    CHECK(temporaries() == 0); /* it leaves none */
    temp_remove(folder);
    f = fopen(folder, "w");
    CHECK(f && fclose(f) == 0);
    CHECK(spool_check(spool, &err) != ST_OK && strstr(err.text, folder));
    CHECK(unlink(folder) == 0);
    CHECK(spool_check(spool, &err) == ST_OK && owed(DEBT_trip) == 0);
}

static void refused(void)
{
    struct spool *s;

    CHECK(spool_open("", &s, &err) == ST_BAD_REQUEST && !s);
    CHECK(spool_open("/proc/no/spool", &s, &err) != ST_OK && !s);
    CHECK(strstr(err.text, "/proc/no/spool") != NULL);
}

int main(void)
{
    const char *top = spool_begin();

    half_replaced();
    folder_replaced();
    not_writable();
    refused();
    return spool_end(top);
}

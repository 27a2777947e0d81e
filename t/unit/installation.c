/* What hosts agree on in the object store, and what they judge by it. */
#include "store/installation.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include "base/log.h"
#include "base/random.h"
#include "store/folder.h"
#include "store/keys.h"
#include "t/unit/procs.h"
#include "t/unit/tap.h"

static const char *folder;
static struct arena *arena;
static struct err err;

static struct deadline soon(void)
{
    return deadline_in(20000);
}

static const char *below(const char *name)
{
    return arena_printf(arena, "%s/%s", folder, name).p;
}

/* A host of the installation `name`, with that request_timeout. */
static struct stores *host(const char *name, int64_t timeout_ms)
{
    struct conf *c = arena_alloc(arena, sizeof *c);
    struct stores *s;

    if (conf_load(NULL, arena, c, &err) != ST_OK)
        abort();
    c->objects_url = arena_printf(arena, "file://%s/objects", below(name)).p;
    c->records_url =
        arena_printf(arena, "sqlite://%s/records.db", below(name)).p;
    c->server_spool = arena_printf(arena, "%s/spool", below(name)).p;
    c->cache_url = "none";
    c->cache_files = "none";
    c->server_request_timeout = timeout_ms;
    if (stores_open(c, &s, &err) != ST_OK)
        abort();
    return s;
}

static enum status agree(struct stores *s, enum installation_role role,
                         struct installation *out)
{
    err_clear(&err);
    return installation_agree(s, role, soon(), arena, out, &err);
}

static const char *text_of(const char *name)
{
    char path[400];
    char *text = arena_alloc(arena, 4096);
    FILE *f;

    snprintf(path, sizeof path, "%s/objects/installation.json", below(name));
    f = fopen(path, "r");
    if (!f)
        return NULL;
    text[fread(text, 1, 4095, f)] = '\0';
    fclose(f);
    return text;
}

static void put_text(const char *name, const char *text)
{
    char path[400];
    FILE *f;

    snprintf(path, sizeof path, "%s/objects/installation.json", below(name));
    f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f))
        abort();
}

/* ---- agreeing ---- */

static void first_host(void)
{
    struct stores *s = host("one", 5000);
    struct installation is;

    CHECK(agree(s, INSTALLATION_OPERATOR, &is) == ST_OK && is.id.n == 0);
    CHECK(text_of("one") == NULL && s->agreed->read_us == 0);
    CHECK(agree(s, INSTALLATION_HOST, &is) == ST_OK);
    CHECK(is.made && !is.raised && is.timeout_ms == 5000 &&
          is.id.n == RANDOM_HEX && str_starts(is.records, STR_LIT("sqlite:")));
    CHECK(s->agreed->timeout_ms == 5000 && s->agreed->read_us > 0);
    /* For people, too. */
    CHECK(strstr(text_of("one"), "\"request_timeout_ms\":5000"));
    CHECK(strstr(text_of("one"), arena_z(arena, is.id)));
    stores_close(&s);
}

static void other_hosts(void)
{
    struct stores *smaller = host("one", 400), *larger = host("one", 9000);
    struct installation first, is;
    const char *before;

    put_text("one", arena_printf(arena, "{\"later\":[1,{\"x\":null}],%s",
                                 text_of("one") + 1)
                        .p);
    before = text_of("one");
    CHECK(agree(smaller, INSTALLATION_HOST, &first) == ST_OK);
    CHECK(!first.made && !first.raised && first.timeout_ms == 5000);
    CHECK(smaller->agreed->timeout_ms == 5000);
    CHECK(agree(larger, INSTALLATION_OPERATOR, &is) == ST_OK && !is.raised);
    CHECK(!strcmp(text_of("one"), before));
    CHECK(agree(larger, INSTALLATION_HOST, &is) == ST_OK);
    CHECK(is.raised && is.timeout_ms == 9000 && str_eq(is.id, first.id) &&
          str_eq(is.records, first.records));
    CHECK(strstr(text_of("one"), "\"request_timeout_ms\":9000"));
    CHECK(strstr(text_of("one"), "\"later\":[1,{\"x\":null}]"));
    CHECK(strstr(text_of("one"), "\"created\":\"20"));
    CHECK(smaller->agreed->timeout_ms == 5000); /* not yet */
    CHECK(agree(smaller, INSTALLATION_HOST, &is) == ST_OK);
    CHECK(smaller->agreed->timeout_ms == 9000);
    stores_close(&smaller);
    stores_close(&larger);
}

static int start_at_once(int i, void *ctx)
{
    struct stores *s = host("rush", 1000 + i);
    struct installation is;
    enum status st = agree(s, INSTALLATION_HOST, &is);

    (void)ctx;
    stores_close(&s);
    return st == ST_OK && is.timeout_ms >= 1000 + i ? is.made : 99;
}

static void many_at_once(void)
{
    int codes[16];

    procs_run(16, start_at_once, NULL, codes);
    CHECK(procs_count(16, codes, 1) == 1 && procs_count(16, codes, 0) == 15);
    CHECK(strstr(text_of("rush"), "\"request_timeout_ms\":1015"));
}

static int raise_to_7000(void)
{
    struct stores *s = host("race", 7000);
    struct installation is;
    enum status st = agree(s, INSTALLATION_HOST, &is);

    stores_close(&s);
    return st == ST_OK && !is.raised && is.timeout_ms == 9000 ? 0 : 1;
}

/* A write that waits for the lock has left its temporary. */
static bool write_waits(const char *name)
{
    char path[400];
    struct arena *a = arena_new(0);
    struct folder_names temps = {.n = 0};
    int fd;

    snprintf(path, sizeof path, "%s/objects", below(name));
    for (struct deadline d = deadline_in(10000);
         temps.n == 0 && !deadline_over(d); clock_sleep_ms(5)) {
        if (folder_open(path, &fd, &err) != ST_OK ||
            folder_names(fd, NAMES_TEMP, a, &temps, &err) != ST_OK)
            abort();
        close(fd);
    }
    arena_free(&a);
    return temps.n > 0;
}

/* Between a host's reading and its writing another one raises it further. */
static void raised_meanwhile(void)
{
    struct stores *s = host("race", 5000);
    struct installation is;
    char lock[400];
    int fd, how = -1;
    pid_t pid;

    CHECK(agree(s, INSTALLATION_HOST, &is) == ST_OK && is.made);
    snprintf(lock, sizeof lock, "%s/objects/.lock", below("race"));
    fd = open(lock, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0 && flock(fd, LOCK_EX) == 0);
    if ((pid = fork()) == 0) {
        close(fd); /* else it would hold the lock as well */
        _exit(raise_to_7000());
    }
    CHECK(write_waits("race"));
    put_text("race", "{\"format\":1,\"installation_id\":\"x\","
                     "\"request_timeout_ms\":9000}");
    close(fd);
    CHECK(waitpid(pid, &how, 0) == pid && how == 0);
    CHECK(strstr(text_of("race"), "9000"));
    stores_close(&s);
}

static void not_ours(void)
{
    static const char *const bad[] = {
        "",
        "no JSON",
        "[]",
        "{\"format\":1,\"installation_id\":\"x\"}",
        "{\"format\":1,\"request_timeout_ms\":5}",
        "{\"format\":0,\"installation_id\":\"x\",\"request_timeout_ms\":5}",
        "{\"format\":1,\"installation_id\":\"x\",\"request_timeout_ms\":-5}"};
    const char *later = "{\"format\":2,\"installation_id\":\"x\","
                        "\"request_timeout_ms\":7}";
    struct stores *s = host("one", 400);
    struct installation is;

    s->own_agreed = (struct agreed){.timeout_ms = 1234, .read_us = 5678};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_text("one", bad[i]);
        CHECK(agree(s, INSTALLATION_HOST, &is) == ST_CORRUPT &&
              !strcmp(err.code, "installation_corrupt"));
        CHECK(!strcmp(text_of("one"), bad[i]));
    }
    CHECK(s->agreed->timeout_ms == 1234 && s->agreed->read_us == 5678);
    put_text("one", later);
    CHECK(agree(s, INSTALLATION_HOST, &is) == ST_OK && is.newer && !is.raised);
    CHECK(is.timeout_ms == 7 && !strcmp(text_of("one"), later));
    stores_close(&s);
}

static void away(void)
{
    struct stores *s = host("two", 400);
    struct deadline past = {clock_mono_ms() - 1};
    struct installation is;

    err_clear(&err);
    CHECK(installation_agree(s, INSTALLATION_HOST, past, arena, &is, &err) ==
          ST_TIMEOUT);
    CHECK(s->agreed->read_us == 0);
    stores_close(&s);
}

/* ---- the store is the store ---- */

static bool refused(struct stores *s, const char *code)
{
    struct installation is;
    struct err why = ERR_NONE;

    err_clear(&err);
    return installation_agree(s, INSTALLATION_HOST, soon(), arena, &is, &err) ==
               ST_UNAVAILABLE &&
           !strcmp(err.code, code) &&
           objects_check(s->objects, soon(), &why) == ST_UNAVAILABLE &&
           !strcmp(why.code, code);
}

/* A folder whose file has the number, size and times of the one that was seen
 * is still it; each other one is looked into. */
static void still_the_same(void)
{
    struct stores *s = host("still", 400);
    struct installation is;
    const char *first;

    CHECK(agree(s, INSTALLATION_HOST, &is) == ST_OK && is.made);
    CHECK(objects_check(s->objects, soon(), &err) == ST_OK);
    first = text_of("still");
    put_text("still", "{\"format\":1,\"installation_id\":\"another\","
                      "\"request_timeout_ms\":5}");
    CHECK(refused(s, "objects_other") && refused(s, "objects_other"));
    CHECK(strstr(err.text, "another") && strstr(text_of("still"), ":5}"));
    put_text("still", "spoilt"); /* it says nothing of the folder */
    CHECK(objects_check(s->objects, soon(), &err) == ST_OK);
    unlink(
        arena_printf(arena, "%s/objects/installation.json", below("still")).p);
    CHECK(refused(s, "objects_gone") && !text_of("still"));
    put_text("still", first);
    CHECK(agree(s, INSTALLATION_HOST, &is) == ST_OK && !is.made);
    CHECK(objects_check(s->objects, soon(), &err) == ST_OK);
    stores_close(&s);
}

/* ---- what belongs together ---- */

static bool log_says(const char *words)
{
    char text[8192] = "";
    FILE *f = fopen(below("log"), "r");
    bool found;

    if (!f)
        return false;
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    found = strstr(text, words) != NULL;
    unlink(below("log"));
    log_open("stderr", LOG_WARN, "test");
    return found;
}

static enum status start(struct stores *s, enum installation_role role)
{
    log_open(below("log"), LOG_WARN, "test");
    err_clear(&err);
    return installation_start(s, role, soon(), &err);
}

static void belonging(void)
{
    struct stores *a = host("a", 5000), *b = host("b", 5000);
    struct stores *mixed = host("a", 400);
    struct str one, again, other;

    CHECK(start(a, INSTALLATION_HOST) == ST_OK && !log_says("level=warn"));
    CHECK(start(b, INSTALLATION_HOST) == ST_OK && !log_says("level=warn"));
    CHECK(records_identity(a->records, soon(), arena, &one, &err) == ST_OK);
    CHECK(records_identity(b->records, soon(), arena, &other, &err) == ST_OK);
    records_close(&a->records);
    CHECK(records_open(a->conf, &a->records, &err) == ST_OK);
    CHECK(records_identity(a->records, soon(), arena, &again, &err) == ST_OK);
    CHECK(one.n && str_eq(one, again) && !str_eq(one, other));
    CHECK(start(mixed, INSTALLATION_HOST) == ST_OK &&
          log_says("request_timeout_differs own_ms=400 agreed_ms=5000"));
    /* The operator's own value is no host's. */
    CHECK(start(mixed, INSTALLATION_OPERATOR) == ST_OK &&
          !log_says("level=warn"));
    records_close(&mixed->records);
    CHECK(records_open(b->conf, &mixed->records, &err) == ST_OK);
    CHECK(start(mixed, INSTALLATION_OPERATOR) == ST_OK &&
          log_says("installation_of_other_records"));
    stores_close(&a);
    stores_close(&b);
    stores_close(&mixed);
}

/* It is no driver's, and nobody removes it. */
static enum status count_driver(void *ctx, struct str user_id)
{
    (void)user_id;
    ++*(int *)ctx;
    return ST_OK;
}

static void beside_users(void)
{
    static const char *const wrong[] = {"installation.json.gz", "installation",
                                        "/installation.json", ".lock",
                                        "users/installation.json"};
    struct stores *s = host("a", 5000);
    struct str key = key_installation();
    struct object obj;
    int drivers = 0;

    CHECK(objects_drivers(s->objects, soon(), count_driver, &drivers, &err) ==
              ST_OK &&
          drivers == 0);
    CHECK(objects_sweep(s->objects, soon(), &err) == ST_OK);
    CHECK(objects_get(s->objects, key, NULL, 9999, soon(), arena, &obj, &err) ==
          ST_OK);
    CHECK(objects_delete(s->objects, key, &obj.etag, soon(), &err) ==
          ST_INTERNAL);
    CHECK(objects_delete_unwatched(s->objects, key, soon(), &err) ==
          ST_INTERNAL);
    CHECK(text_of("a") != NULL && !key_driver(key).n);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(objects_get(s->objects, str_of(wrong[i]), NULL, 9999, soon(),
                          arena, &obj, &err) == ST_INTERNAL);
    stores_close(&s);
}

/* ---- judging ---- */

static void judging(void)
{
    struct stores *s = host("two", 2000);
    int64_t now = clock_wall_us(), s_us = 1000000;

    /* Nothing is known: as long as any host's request may take. */
    CHECK(!stores_past(s, now - 1199 * s_us, 2));
    CHECK(stores_past(s, now - 1201 * s_us, 2));
    CHECK(!stores_quiet(s, now - 1799 * s_us));
    CHECK(stores_quiet(s, now - 1801 * s_us));
    agreed_tell(s->agreed, 10000, now);
    CHECK(!stores_past(s, now - 19 * s_us, 2));
    CHECK(stores_past(s, now - 21 * s_us, 2));
    CHECK(stores_past_ms(s, now - 15 * s_us, 2) > 4000 &&
          stores_past_ms(s, now - 15 * s_us, 2) <= 5000);
    CHECK(stores_past_ms(s, now - 99 * s_us, 2) == 1);
    CHECK(!stores_quiet(s, now - 29 * s_us) &&
          stores_quiet(s, now - 31 * s_us));
    agreed_tell(s->agreed, 500, now); /* this host's own is longer */
    CHECK(!stores_past(s, now - 3 * s_us, 2));
    CHECK(stores_past(s, now - 5 * s_us, 2));
    /* Whoever raised it since may have begun then. */
    agreed_tell(s->agreed, 500, now - 60 * s_us);
    CHECK(!stores_past(s, now - 59 * s_us, 2));
    CHECK(stores_past(s, now - 61 * s_us, 2));
    stores_close(&s);
}

static void largest(void)
{
    int64_t most = 0;

#define KEY(section, name, kind, preset, low, high, ...)                       \
    if (!strcmp(#section "." #name, "server.request_timeout"))                 \
        most = high;
#include "base/conf.def"
#undef KEY
    CHECK(most == REQUEST_TIMEOUT_MAX_MS);
}

int main(void)
{
    folder = temp_folder();
    arena = arena_new(0);
    first_host();
    other_hosts();
    many_at_once();
    raised_meanwhile();
    not_ours();
    away();
    still_the_same();
    belonging();
    beside_users();
    judging();
    largest();
    arena_free(&arena);
    temp_remove(folder);
    return tap_end();
}

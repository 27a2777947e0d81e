#include "base/conf.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "t/unit/tap.h"

static struct arena *arena;
static char path[] = "/tmp/dg-conf-XXXXXX";

static void write_conf(struct str text)
{
    FILE *f = fopen(path, "w");

    if (!f || fwrite(text.p, 1, text.n, f) != text.n || fclose(f) != 0)
        abort();
}

static enum status load(const char *text, struct conf *c, struct err *err)
{
    write_conf(str_of(text));
    err_clear(err);
    return conf_load(path, arena, c, err);
}

static void defaults(void)
{
    struct conf c;
    struct err err = ERR_NONE;

    CHECK(conf_load(NULL, arena, &c, &err) == ST_OK);
    CHECK(strcmp(c.server_listen, "/run/driveguard/fcgi.sock") == 0);
    CHECK(c.server_socket_mode == 0660 && c.server_workers == 8);
    CHECK(c.server_request_timeout == 25000 && c.cache_timeout == 250);
    CHECK(c.server_body_limit == 1 << 20 && c.cache_max_driver == 64 << 20);
    CHECK(!c.s3_path_style && strcmp(c.scoring_version, "3.1") == 0);
    CHECK(load("", &c, &err) == ST_OK && c.server_workers == 8);
}

static void accepted(void)
{
    static const char text[] = "\xef\xbb\xbf; a comment\n"
                               "# another one\r\n"
                               "[server]  ; its name\r\n"
                               "listen=/tmp/a b.sock\n"
                               "   workers = 3 ; three\n"
                               "\tmax_requests: 0\n"
                               "request_timeout = 2m\n"
                               "finalize_timeout = 100ms\n"
                               "body_limit = 64K\n"
                               "socket_mode = 777\n"
                               "\n"
                               "[log]\n"
                               "level = debug\n"
                               "target = /var/log/a;b.log\n"
                               "[server]\n"
                               "backlog = 1\n"
                               "[cache]\n"
                               "url = unix:///run/redis.sock?db=3\n"
                               "fill_wait = 0s"; /* no newline at the end */
    struct conf c;
    struct err err;

    if (!CHECK(load(text, &c, &err) == ST_OK))
        tap_note("%s", err.text);
    CHECK(strcmp(c.server_listen, "/tmp/a b.sock") == 0);
    CHECK(c.server_workers == 3 && c.server_max_requests == 0);
    CHECK(c.server_request_timeout == 120000);
    CHECK(c.server_finalize_timeout == 100);
    CHECK(c.server_body_limit == 65536 && c.server_socket_mode == 0777);
    CHECK(strcmp(c.log_level, "debug") == 0);
    CHECK(strcmp(c.log_target, "/var/log/a;b.log") == 0);
    CHECK(c.server_backlog == 1 && c.cache_fill_wait == 0);
    CHECK(strcmp(c.cache_url, "unix:///run/redis.sock?db=3") == 0);
    CHECK(c.cache_ttl == 300000);
}

#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10
#define X100 X50 X50

/* What a text says is wrong with itself. */
static const struct {
    const char *text, *line, *says;
} bad[] = {
    {"[sever]\nworkers = 2\n", ":1: ",
     "unknown section [sever]; there are "
     "[server]"},
    {"\n\n[sever]\n", ":3: ", "unknown section [sever]"},
    {"[server]\nworker = 2\n", ":2: ",
     "unknown key worker; [server] has "
     "listen"},
    {"[server]\nWorkers = 2\n", ":2: ", "unknown key Workers"},
    {"workers = 2\n", ":1: ", "workers stands before any section"},
    {"[log]\nworkers = 2\n", ":2: ", "unknown key workers; [log] has level"},
    {"[server]\nworkers = 2\n[log]\n[server]\nworkers = 2\n",
     ":5: ", "[server] workers is set twice, first in line 2"},
    {"[server]\nworkers\n", ":2: ", "neither `key = value'"},
    {"[server\nworkers = 2\n", ":1: ", "neither `key = value'"},
    {"[server] workers = 2\n", ":1: ", "the line must end"},
    {"[server]\nfoo\nworkers = 0\n", ":2: ", "neither `key = value'"},
    {"[server]\nworkers = 0\nfoo\n", ":2: ",
     "[server] workers = 0: must be a "
     "whole number from 1 to 512"},
    {"[server]\nlisten = /x\n  /y\n", ":3: ", "neither `key = value'"},
    /* counts */
    {"[server]\nworkers = 513\n", ":2: ", "from 1 to 512"},
    {"[server]\nworkers = -1\n", ":2: ", "from 1 to 512"},
    {"[server]\nworkers =\n", ":2: ", "from 1 to 512"},
    {"[server]\nworkers = 8K\n", ":2: ", "from 1 to 512"},
    {"[server]\nworkers = 8 # x\n", ":2: ", "from 1 to 512"},
    {"[server]\nworkers = \"8\"\n", ":2: ", "from 1 to 512"},
    {"[server]\nworkers = 99999999999999999999\n", ":2: ", "from 1 to 512"},
    /* times */
    {"[server]\nrequest_timeout = 25\n", ":2: ",
     "request_timeout = 25: must be a time like 250ms, 25s, 5m or 2h, from "
     "100ms to 10m"},
    {"[server]\nrequest_timeout = 99ms\n", ":2: ", "from 100ms to 10m"},
    {"[server]\nrequest_timeout = 11m\n", ":2: ", "from 100ms to 10m"},
    {"[server]\nrequest_timeout = 1.5s\n", ":2: ", "from 100ms to 10m"},
    {"[server]\nrequest_timeout = 5 s\n", ":2: ", "from 100ms to 10m"},
    {"[server]\nrequest_timeout = 5S\n", ":2: ", "from 100ms to 10m"},
    {"[server]\nrequest_timeout = s\n", ":2: ", "from 100ms to 10m"},
    {"[server]\nrequest_timeout = 9223372036854775807h\n", ":2: ", "to 10m"},
    /* sizes */
    {"[server]\nbody_limit = 2M\n",
     ":2: ", "must be a size like 100, 64K, 1M or 2G, from 1K to 1M"},
    {"[server]\nbody_limit = 1023\n", ":2: ", "from 1K to 1M"},
    {"[server]\nbody_limit = 1k\n", ":2: ", "from 1K to 1M"},
    {"[server]\nbody_limit = 1KB\n", ":2: ", "from 1K to 1M"},
    /* words */
    {"[s3]\npath_style = yes\n", ":2: ", "must be on or off"},
    {"[scoring]\nversion = 3.2\n", ":2: ", "must be 3.0 or 3.1"},
    {"[log]\nlevel = inf\n", ":2: ", "must be error, warn, info or debug"},
    {"[log]\nlevel =\n", ":2: ", "must be error, warn, info or debug"},
    {"[server]\nsocket_mode = 0680\n", ":2: ", "octal access mode"},
    {"[server]\nsocket_mode = 1777\n", ":2: ", "octal access mode"},
    {"[server]\nsocket_mode = 60\n", ":2: ", "octal access mode"},
    /* places */
    {"[server]\nlisten = fcgi.sock\n",
     ":2: ", "must be an absolute path of at most 107 bytes"},
    {"[server]\nlisten =\n", ":2: ", "absolute path"},
    {"[server]\nlisten = /" X100 "1234567\n", ":2: ", "at most 107 bytes"},
    {"[server]\nstatus_listen = /" X100 "1234567\n", ":2: ", "107 bytes"},
    {"[server]\nspool = spool\n", ":2: ", "an absolute path of at most 191"},
    {"[server]\nspool=/" X100 X50 X10 X10 X10 X10 "1\n", ":2: ", "at most 191"},
    {"[objects]\nurl = /var/objects\n", ":2: ", "must be file:///..."},
    {"[objects]\nurl = file:///\n", ":2: ", "must be file:///..."},
    {"[records]\nurl = file:///x\n", ":2: ", "must be sqlite:///..."},
    {"[cache]\nurl = localhost:6379\n",
     ":2: ", "must be redis://..., rediss://..., unix:///... or none"},
    {"[cache]\nurl = none at all\n", ":2: ", "unix:///... or none"},
    {"[cache]\nurl = unix:///" X100 "1234567?db=1\n",
     ":2: ", "(a socket's path 107)"},
    {"[log]\ntarget = stdout\n", ":2: ", "must be stderr or /..."},
    {"[server]\nallow_origin = example.org\n",
     ":2: ", "must be *, http://... or https://..."},
    /* lines */
    {"[server]\n; " X100 X50 X10 X10 X10 X10 "12345678\n",
     ":2: ", "the line has 200 bytes; at most 199 are allowed"},
    {"[server]\n\aworkers = 2\n", ":2: ",
     "byte 1 of the line is a control "
     "byte (0x07)"},
    /* keys together */
    {"[server]\nrequest_timeout = 8s\n", ": ",
     "[server] finalize_timeout = 8s: must be shorter than request_timeout"},
    {"[server]\nrequest_timeout = 8s\nfinalize_timeout = 9s\n",
     ":3: ", "[server] finalize_timeout = 9s: must be shorter"},
    {"[server]\nlisten = /a\nstatus_listen = /a\n", ":3: ", "must differ"},
};

static void refused(void)
{
    struct conf c, before;

    memset(&c, 7, sizeof c);
    before = c;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err err;
        enum status st = load(bad[i].text, &c, &err);
        char from[100];

        snprintf(from, sizeof from, "%s%s", path, bad[i].line);
        tap_ok(st == ST_BAD_REQUEST && strcmp(err.code, "bad_config") == 0 &&
                   str_starts(str_of(err.text), str_of(from)) &&
                   strstr(err.text, bad[i].says),
               "refuses [%zu]: %s", i, err.text);
        if (st != ST_OK && !strstr(err.text, bad[i].says))
            tap_note("should say: %s", bad[i].says);
    }
    CHECK(memcmp(&c, &before, sizeof c) == 0);
}

static void at_the_limits(void)
{
    struct conf c;
    struct err err;

    CHECK(load("[server]\nlisten = /" X100 "123456\n", &c, &err) == ST_OK &&
          strlen(c.server_listen) == 107);
    CHECK(load("[cache]\nurl = unix:///" X100 "123456?db=15\n", &c, &err) ==
          ST_OK);
    CHECK(load("[server]\n; " X100 X50 X10 X10 X10 X10 "1234567\n", &c, &err) ==
          ST_OK);
    CHECK(load("[server]\nspool = /" X100 X50 X10 X10 X10 X10 "\n", &c, &err) ==
              ST_OK &&
          strlen(c.server_spool) == 191);
    CHECK(load("[server]\nbody_limit = 1024\n", &c, &err) == ST_OK);
}

static void bad_files(void)
{
    struct conf c;
    struct err err = ERR_NONE;
    char *large;

    write_conf((struct str){"[server]\nworkers\0 = 2\n", 22});
    CHECK(conf_load(path, arena, &c, &err) == ST_BAD_REQUEST &&
          strstr(err.text, ":2: byte 8 of the line is a control byte (0x00)"));
    CHECK(conf_load("/nowhere/driveguard.conf", arena, &c, &err) ==
              ST_BAD_REQUEST &&
          strcmp(err.text, "/nowhere/driveguard.conf: cannot be read: No such "
                           "file or directory") == 0);
    CHECK(conf_load("/tmp", arena, &c, &err) == ST_BAD_REQUEST &&
          strstr(err.text, "/tmp: cannot be read: "));
    CHECK(conf_load("/tmp", arena, &c, NULL) == ST_BAD_REQUEST);
    large = malloc(300000);
    memset(large, '\n', 300000);
    write_conf((struct str){large, 300000});
    free(large);
    CHECK(conf_load(path, arena, &c, &err) == ST_BAD_REQUEST &&
          strstr(err.text, "at most 262144 bytes"));
}

static struct str dumped(const struct conf *c, bool with_help)
{
    struct buf b;
    struct str s;

    buf_init(&b, 1 << 16);
    conf_dump(c, with_help, &b);
    s = arena_copy(arena, buf_str(&b));
    buf_free(&b);
    return s;
}

static void dump(void)
{
    struct conf c, again;
    struct err err;
    struct str text;

    CHECK(load("[server]\nrequest_timeout = 90s\nworkers = 5\n"
               "body_limit = 1000K\nspool = /" X100 X50 X10 X10 X10 X10 "\n"
               "[cache]\nfill_wait = 0\nttl = 2h\nmax_driver = 1000001\n"
               "[log]\nlevel = warn\n",
               &c, &err) == ST_OK);
    text = dumped(&c, false);
    CHECK(str_starts(text, STR_LIT("[server]\nlisten = /run/driveguard/"
                                   "fcgi.sock\nsocket_mode = 0660\n"
                                   "workers = 5\n")));
    CHECK(strstr(text.p, "\nrequest_timeout = 90s\n"));
    CHECK(strstr(text.p, "\nbody_limit = 1000K\n"));
    CHECK(strstr(text.p, "\n\n[cache]\nurl = redis://127.0.0.1:6379/0\n"));
    CHECK(strstr(text.p, "\nfill_wait = 0ms\n"));
    CHECK(strstr(text.p, "\nttl = 2h\nmax_driver = 1000001\n"));

    for (int with_help = 0; with_help < 2; with_help++) {
        text = dumped(&c, with_help);
        if (!CHECK(load(text.p, &again, &err) == ST_OK))
            tap_note("%s", err.text);
        CHECK(str_eq(dumped(&again, with_help), text));
    }
    CHECK(strstr(text.p, "\n; worker processes\n; a whole number from 1 to 512;"
                         " default 8\nworkers = 5\n"));
}

static void copies(void)
{
    static struct conf_flat flat;
    struct conf c, copy;
    struct err err;
    struct str text;

    CHECK(load("[server]\nworkers = 5\nspool = /" X100 X50 X10 X10 X10 X10 "\n"
               "[cache]\nurl = none\nfiles = /f\n[s3]\npath_style = off\n",
               &c, &err) == ST_OK);
    text = dumped(&c, false);
    conf_flatten(&c, &flat);
    conf_copy(&flat.conf, arena, &copy);
    CHECK(str_eq(dumped(&flat.conf, false), text));
    CHECK(flat.conf.server_spool > flat.texts &&
          flat.conf.server_spool < flat.texts + sizeof flat.texts);
    memset(&flat, 0x7e, sizeof flat);
    CHECK(str_eq(dumped(&copy, false), text));
}

int main(void)
{
    int fd = mkstemp(path);

    if (fd < 0)
        abort();
    close(fd);
    arena = arena_new(4096);
    defaults();
    accepted();
    refused();
    at_the_limits();
    bad_files();
    dump();
    copies();
    arena_free(&arena);
    unlink(path);
    return tap_end();
}

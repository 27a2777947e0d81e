/*
 * fetch.c - the bare fetch: what a cold read is measured against.
 *
 *   t/bench/fetch FILE CONNECTIONS
 *
 * FILE has a URL a line. For each line of standard input, whatever it says,
 * every URL is got once, CONNECTIONS at a time, and what came (gzip) is
 * unpacked and thrown away; then a line goes to standard output: milliseconds,
 * and the bytes of the unpacked texts. Connections stay open, so the first
 * round opens them and the others find them open.
 *
 * It is told the URLs (signed beforehand), so it neither lists, nor checks, nor
 * puts anything together: no reader of single objects can be much faster.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#define WAIT_MS 1000
#define GZIP_WINDOW (15 + 16) /* inflateInit2: 32 KB, with gzip's header */

/* One request at a time; its connection goes back to `multi`. */
struct slot {
    CURL *easy;
    unsigned char *body;
    size_t n, room;
};

struct fetch {
    CURLM *multi;
    struct slot *slot;
    size_t slots;
    char **url;
    size_t urls, next, done;
    size_t text_bytes;
    z_stream z;
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "fetch: %s: %s\n", what, why);
    exit(1);
}

static void *must(void *p)
{
    if (!p)
        die("memory", "none left");
    return p;
}

static void check(CURLMcode code)
{
    if (code != CURLM_OK)
        die("libcurl", curl_multi_strerror(code));
}

static size_t take(char *data, size_t one, size_t n, void *user)
{
    struct slot *s = user;

    n *= one;
    if (s->n + n > s->room) {
        s->room = 2 * (s->n + n);
        s->body = must(realloc(s->body, s->room));
    }
    memcpy(s->body + s->n, data, n);
    s->n += n;
    return n;
}

static void read_urls(struct fetch *f, const char *path)
{
    FILE *in = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;

    if (!in) {
        perror(path);
        exit(1);
    }
    while (getline(&line, &room, in) > 0) {
        line[strcspn(line, "\n")] = 0;
        f->url = must(realloc(f->url, (f->urls + 1) * sizeof *f->url));
        f->url[f->urls++] = must(strdup(line));
    }
    free(line);
    fclose(in);
    if (!f->urls)
        die(path, "no URL");
}

static CURL *easy_of(struct slot *s)
{
    CURL *e = must(curl_easy_init());

    curl_easy_setopt(e, CURLOPT_PRIVATE, s);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, s);
    curl_easy_setopt(e, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
    return e;
}

static void open_slots(struct fetch *f, size_t connections)
{
    f->multi = must(curl_multi_init());
    check(curl_multi_setopt(f->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING));
    check(curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)connections));
    f->slots = connections;
    f->slot = must(calloc(connections, sizeof *f->slot));
    for (size_t i = 0; i < f->slots; i++)
        f->slot[i].easy = easy_of(&f->slot[i]);
    if (inflateInit2(&f->z, GZIP_WINDOW) != Z_OK)
        die("zlib", "inflateInit2");
}

static void begin(struct fetch *f, struct slot *s)
{
    if (f->next == f->urls)
        return;
    s->n = 0;
    curl_easy_setopt(s->easy, CURLOPT_URL, f->url[f->next++]);
    check(curl_multi_add_handle(f->multi, s->easy));
}

static void unpack(struct fetch *f, const struct slot *s)
{
    unsigned char text[65536];
    int code = Z_OK;

    inflateReset(&f->z);
    f->z.next_in = s->body;
    f->z.avail_in = (uInt)s->n;
    while (code == Z_OK) {
        f->z.next_out = text;
        f->z.avail_out = sizeof text;
        code = inflate(&f->z, Z_NO_FLUSH);
        f->text_bytes += sizeof text - f->z.avail_out;
    }
    if (code != Z_STREAM_END)
        die("a body", "not gzip");
}

static void take_ended(struct fetch *f)
{
    struct CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(f->multi, &left))) {
        CURL *e = m->easy_handle;
        struct slot *s;

        if (m->data.result != CURLE_OK)
            die("a request", curl_easy_strerror(m->data.result));
        curl_easy_getinfo(e, CURLINFO_PRIVATE, &s);
        check(curl_multi_remove_handle(f->multi, e));
        unpack(f, s);
        f->done++;
        begin(f, s);
    }
}

static void get_all(struct fetch *f)
{
    int running;

    f->next = f->done = f->text_bytes = 0;
    for (size_t i = 0; i < f->slots; i++)
        begin(f, &f->slot[i]);
    for (;;) {
        check(curl_multi_perform(f->multi, &running));
        take_ended(f);
        if (f->done == f->urls)
            return;
        check(curl_multi_poll(f->multi, NULL, 0, WAIT_MS, NULL));
    }
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void close_all(struct fetch *f)
{
    for (size_t i = 0; i < f->slots; i++) {
        curl_easy_cleanup(f->slot[i].easy);
        free(f->slot[i].body);
    }
    curl_multi_cleanup(f->multi);
    inflateEnd(&f->z);
    for (size_t i = 0; i < f->urls; i++)
        free(f->url[i]);
    free(f->url);
    free(f->slot);
}

int main(int argc, char **argv)
{
    struct fetch f = {0};
    int connections = argc == 3 ? atoi(argv[2]) : 0;
    char line[80];

    if (connections < 1)
        die("usage", "fetch FILE CONNECTIONS");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        die("libcurl", "no start");
    read_urls(&f, argv[1]);
    open_slots(&f, (size_t)connections);
    while (fgets(line, sizeof line, stdin)) {
        double began = now_ms();

        get_all(&f);
        printf("%.3f %zu\n", now_ms() - began, f.text_bytes);
        fflush(stdout);
    }
    close_all(&f);
    curl_global_cleanup();
    return 0;
}

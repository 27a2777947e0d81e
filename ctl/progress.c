#include "ctl/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"

#define BAR 30
#define DRAW_MS 200
#define LINE_MS 60000
#define GUESS_MS 2000 /* before that no speed is worth telling */

struct progress progress_begin(const char *what, int64_t total, int64_t from)
{
    int64_t now = clock_mono_ms();

    return (struct progress){.what = what,
                             .total = total,
                             .from = from,
                             .began_ms = now,
                             .shown_ms = now,
                             .terminal = isatty(STDERR_FILENO) == 1};
}

static void put_time(char *out, size_t size, int64_t ms)
{
    int64_t s = (ms + 999) / 1000;

    if (s < 3600)
        snprintf(out, size, "%" PRId64 ":%02d", s / 60, (int)(s % 60));
    else
        snprintf(out, size, "%" PRId64 ":%02d:%02d", s / 3600,
                 (int)(s / 60 % 60), (int)(s % 60));
}

/* "12% , 1:23 left", as far as it is known. */
static void put_rest(const struct progress *p, int64_t done, int64_t now_ms,
                     char *out, size_t size)
{
    int64_t took = now_ms - p->began_ms, here = done - p->from;
    int64_t percent = p->total > 0 ? done * 100 / p->total : 0;
    char left[32];
    int n;

    out[0] = '\0';
    if (p->total <= 0)
        return;
    if (percent > 99 && done < p->total)
        percent = 99;
    if (done > p->total)
        percent = 99;
    n = snprintf(out, size, ", %" PRId64 "%%", percent);
    if (took < GUESS_MS || here <= 0 || done >= p->total)
        return;
    put_time(
        left, sizeof left,
        (int64_t)((double)took / (double)here * (double)(p->total - done)));
    snprintf(out + n, size - (size_t)n, ", about %s left", left);
}

void progress_text(const struct progress *p, int64_t done, int64_t now_ms,
                   char out[PROGRESS_TEXT_MAX])
{
    char rest[64], bar[BAR + 1], of[32] = "";
    int filled = 0;

    put_rest(p, done, now_ms, rest, sizeof rest);
    if (p->total > 0) {
        snprintf(of, sizeof of, " of about %" PRId64, p->total);
        filled = (int)(done < p->total ? done * BAR / p->total : BAR);
    }
    if (!p->terminal) {
        snprintf(out, PROGRESS_TEXT_MAX, "%s: %" PRId64 "%s%s", p->what, done,
                 of, rest);
        return;
    }
    memset(bar, ' ', BAR);
    memset(bar, '#', (size_t)filled);
    bar[BAR] = '\0';
    snprintf(out, PROGRESS_TEXT_MAX, "%s [%s] %" PRId64 "%s", p->what, bar,
             done, rest);
}

void progress_show(struct progress *p, int64_t done)
{
    int64_t now = clock_mono_ms();
    char text[PROGRESS_TEXT_MAX];

    if (now - p->shown_ms < (p->terminal ? DRAW_MS : LINE_MS))
        return;
    p->shown_ms = now;
    progress_text(p, done, now, text);
    /* \033[K: what an earlier, longer one left behind it */
    fprintf(stderr, p->terminal ? "\r%s\033[K" : "driveguardctl: %s\n", text);
    p->drawn = p->terminal;
}

void progress_end(struct progress *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
    p->drawn = false;
}

/* Places of a share: bounded, fair, and never lost. */
#include "store/share.h"

#include <sys/mman.h>
#include "base/clock.h"
#include "t/unit/procs.h"
#include "t/unit/tap.h"

static const struct str A = {"a", 1}, B = {"b", 1}, C = {"c", 1};
static struct share *share;

static struct sharer at(int number, int places)
{
    return (struct sharer){share, number, places};
}

static void begin(void)
{
    memset(share, 0, sizeof *share);
}

static void bounded(void)
{
    struct sharer s[4] = {at(0, 3), at(1, 3), at(1055, 3), at(7, 3)};

    begin();
    CHECK(share_take(&s[0], A) && share_take(&s[1], A));
    CHECK(!share_take(&s[2], A)); /* the last one is another's */
    CHECK(share_take(&s[2], B) && !share_take(&s[3], C));
    share_give(&s[1], clock_mono_ms());
    CHECK(share_take(&s[3], C)); /* and he has but that */
    CHECK(!share_take(&s[1], B));
    share_give(&s[0], clock_mono_ms());
    CHECK(share_take(&s[1], B));
}

static void only_one(void)
{
    struct sharer one = at(3, 1), other = at(4, 1);

    begin();
    CHECK(share_take(&one, A) && !share_take(&other, A));
    CHECK(!share_take(&other, B));
    share_give(&one, clock_mono_ms());
    CHECK(share_take(&other, A));
}

static void taken_back(void)
{
    struct sharer dead = at(0, 2), other = at(1, 2), later = at(2, 2);

    begin();
    CHECK(share_take(&dead, A) && share_take(&other, B));
    share_take_back(share, 5); /* who has none */
    CHECK(!share_take(&later, C));
    share_take_back(share, 0);
    CHECK(share_take(&later, C) && !share_take(&dead, C));
    /* By whom there are fewer places since a reload. */
    begin();
    CHECK(share_take(&dead, A) && share_take(&other, B));
    other.places = 1;
    share_give(&other, clock_mono_ms());
    CHECK(share_take(&later, C));
}

/* Each takes and gives; nobody ever sees more than there may be. */
#define ROUNDS 20000
static _Atomic int *now;

static int take_and_give(int i, void *ctx)
{
    struct sharer s = at(i, 3);
    int taken = 0;

    (void)ctx;
    for (int n = 0; n < ROUNDS; n++) {
        if (!share_take(&s, A))
            continue;
        taken++;
        if (++*now > 2)
            return 1;
        --*now;
        share_give(&s, clock_mono_ms());
    }
    return taken ? 0 : 2;
}

static void many(void)
{
    int codes[6];

    begin();
    procs_run(6, take_and_give, NULL, codes);
    CHECK(procs_count(6, codes, 1) == 0);
    CHECK(procs_count(6, codes, 0) >= 1);
    for (int i = 0; i < SHARE_PLACES_MAX; i++)
        if (share->place[i])
            CHECK(!"a place is lost");
}

static void again(void)
{
    struct sharer s = at(0, 1);
    unsigned least = 99, most = 0;

    begin();
    for (int i = 0; i < 100; i++) {
        unsigned n = share_again_s(&s);

        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    CHECK(least == 1 && most == 2);
    for (int i = 0; i < 100; i++)
        share_give(&s, clock_mono_ms() - 5000);
    least = 99;
    most = 0;
    for (int i = 0; i < 100; i++) {
        unsigned n = share_again_s(&s);

        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    CHECK(least >= 5 && most > least && most <= 12);
    for (int i = 0; i < 100; i++)
        share_give(&s, clock_mono_ms() - 600000);
    CHECK(share_again_s(&s) == 30);
}

static void learnt(void)
{
    struct sharer s = at(0, 1), alone = {NULL, 0, 1};

    begin();
    CHECK(!share_knows(&s, A));
    share_learn(&s, A, true);
    CHECK(share_knows(&s, A) && !share_knows(&s, B));
    share_learn(&s, B, false);
    share_learn(&s, A, false);
    CHECK(!share_knows(&s, A));
    share_learn(&s, A, true);
    for (int i = 0; i < 100 * SHARE_KNOWN; i++) {
        char id[16];

        snprintf(id, sizeof id, "%d", i);
        share_learn(&s, str_of(id), false); /* others, in his room, too */
    }
    CHECK(share_knows(&s, A));
    share_learn(&alone, A, true);
    CHECK(!share_knows(&alone, A));
}

int main(void)
{
    share = mmap(NULL, sizeof *share + sizeof *now, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (share == MAP_FAILED)
        return 1;
    now = (_Atomic int *)(void *)(share + 1);
    bounded();
    only_one();
    taken_back();
    many();
    again();
    learnt();
    return tap_end();
}

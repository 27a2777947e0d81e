#include <string.h>
#include "base/random.h"
#include "t/unit/tap.h"

int main(void)
{
    char a[RANDOM_HEX + 1], b[RANDOM_HEX + 1];
    unsigned seen[6] = {0};
    bool fair = true;

    random_hex(a);
    random_hex(b);
    CHECK(strlen(a) == RANDOM_HEX && strspn(a, "0123456789abcdef") == 32);
    CHECK(strcmp(a, b) != 0);

    /* 12,000 throws, 2,000 expected each: 400 off is ten standard deviations,
     * which no run of a sound source will ever show. */
    for (int i = 0; i < 12000; i++)
        seen[random_below(6)]++;
    for (int i = 0; i < 6; i++)
        fair = fair && seen[i] > 1600 && seen[i] < 2400;
    CHECK(fair);
    CHECK(random_below(1) == 0);
    return tap_end();
}

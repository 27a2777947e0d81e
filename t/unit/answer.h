/* answer.h - a small answer, as if it were made from the store. */
#ifndef DG_T_ANSWER_H
#define DG_T_ANSWER_H

#include "answer/pieces.h"
#include "answer/representation.h"
#include "t/unit/tap.h"

static struct answer an_answer(struct arena *a)
{
    struct answer ans = {.email = STR_LIT("e@x"),
                         .state = STR_LIT("state"),
                         .user = STR_LIT("record"),
                         .front = STR_LIT("\"user_id\":\"u\""),
                         .next = STR_LIT("abc"),
                         .members = STR_LIT("*"),
                         .read_began_ms = clock_wall_us() / 1000};
    struct pieces *plain = pieces_new("/tmp", a), *gzip = pieces_new("/tmp", a);
    struct gzip_sum sum;
    struct buf deflate;

    buf_init(&deflate, 100000);
    gzip_fragment(STR_LIT("{\"trip_id\":1}"), 6, &deflate, &sum);
    gzip_sum_add(&ans.sum, &sum);
    CHECK(pieces_put(plain, STR_LIT("{\"trip_id\":1}"), NULL) == ST_OK);
    CHECK(pieces_put(gzip, buf_str(&deflate), NULL) == ST_OK);
    ans.plain = pieces_list(plain);
    ans.gzip = pieces_list(gzip);
    buf_free(&deflate);
    return ans;
}

#endif

/* answer_list.h - the trips of an answer in one coding, as bytes. */
#ifndef DG_ANSWER_ANSWER_LIST_H
#define DG_ANSWER_ANSWER_LIST_H

#include "store/files.h"

struct answer_list {
    size_t length;
    files_source each; /* gets them, part after part; NULL: there is no list */
    void *ctx;
};

#endif

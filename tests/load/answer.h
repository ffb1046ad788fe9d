/* An answer's head, as far as a load generator must understand it. */
#ifndef WEIR_LOAD_ANSWER_H
#define WEIR_LOAD_ANSWER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"

enum { ANSWER_VERSION_BYTES = 32 };

struct answer {
    int status;
    bool is_chunked, has_length, keep_alive;
    uint64_t length;
    /* Copied, because the head's bytes are gone when the body is complete. */
    char version[ANSWER_VERSION_BYTES], demo_version[ANSWER_VERSION_BYTES];
};

/* The length of the head that p begins with; 0 where it is incomplete; -1 where it is malformed. */
ssize_t answer_parse(struct answer *answer, const char *p, size_t n, struct str version_header);

#endif

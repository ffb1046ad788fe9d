/* A request's body, taken out of its framing as it arrives. Strict as reqhead.h is. */
#ifndef WEIR_DEMO_REQBODY_H
#define WEIR_DEMO_REQBODY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"
#include "bytes.h"
#include "reqhead.h"

enum reqbody_state {
    REQBODY_DONE,
    REQBODY_LENGTH,     /* left bytes to come */
    REQBODY_CHUNK_SIZE, /* a chunk's first line */
    REQBODY_CHUNK_DATA, /* left bytes to come */
    REQBODY_CHUNK_END,  /* the line end after a chunk's data */
    REQBODY_TRAILERS
};

struct reqbody {
    enum reqbody_state state;
    bool is_chunked;
    uint64_t left;          /* of the present length or chunk */
    uint64_t count;         /* body bytes so far */
    struct bytes *trailers; /* trailer lines are appended here, each with its line end */
};

void reqbody_begin(struct reqbody *body, const struct reqhead *head, struct bytes *trailers);

/* Takes what it can from p: returns how many bytes it used (0: more are needed), and in *data a run of body bytes among
 * them, which may be empty. -1 where the framing is broken. Call it again while it uses something and is not done. */
ssize_t reqbody_take(struct reqbody *body, const char *p, size_t n, struct str *data);

#endif

/* One connection that makes one call after another: the next request goes out when the answer is complete. */
#ifndef WEIR_LOAD_CALLER_H
#define WEIR_LOAD_CALLER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "tests/demo/bytes.h"
#include "tests/demo/reqbody.h"
#include "answer.h"

enum caller_state {
    CALLER_IDLE,       /* no call; the connection, if there is one, is kept */
    CALLER_CONNECTING,
    CALLER_AWAITING,   /* sending, or waiting for the head */
    CALLER_CONTENT     /* the head is there */
};

/* What all callers have in common. */
struct caller_plan {
    struct sockaddr_in address;
    int epoll_fd;
    const char *method, *host, *path; /* {n} in the path becomes the call's number, modulo spread */
    uint64_t spread, body_bytes;
    struct str version_header;
    struct bytes headers; /* further field lines */
    bool is_closing;      /* a connection per call */
};

struct caller {
    int fd; /* -1: not connected */
    enum caller_state state;
    bool is_readable, is_writable, is_gone, has_answer_begun;
    struct bytes in, out, trailers;
    struct answer answer;
    struct reqbody body;
    uint64_t began_us, last_us;
};

void caller_init(struct caller *caller);
void caller_fini(struct caller *caller);

/* Begins call number n; the caller is idle. It may end, by failing, before this returns. */
void caller_begin(struct caller *caller, const struct caller_plan *plan, uint64_t n);

/* Events of epoll_wait. The caller is idle again when its call has ended, which outcome.h has counted. */
void caller_event(struct caller *caller, const struct caller_plan *plan, uint32_t events);

/* Ends a call that made no progress since before us. */
void caller_expire(struct caller *caller, uint64_t before_us);

#endif

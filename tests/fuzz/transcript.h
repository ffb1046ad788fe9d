/* Reading a connection's bytes, which arrive in pieces, as messages one after the other, the way that weir's connections do it, and
 * writing down all that was understood. Two ways of cutting the same bytes must give the same transcript. */
#ifndef WEIR_TESTS_FUZZ_TRANSCRIPT_H
#define WEIR_TESTS_FUZZ_TRANSCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "proxy/http/http1.h"

struct transcript_text {
    char *p;
    size_t n, room;
};

void transcript_put(struct transcript_text *text, const char *bytes, size_t n);

/* A message that was read to its end. body and trailers are decoded; raw is the body as it came. */
struct transcript_message {
    const struct head *head; /* NULL where the head came in pieces: it is gone by now */
    enum body_kind body_kind;
    struct str body, trailers, raw;
};

struct transcript {
    bool is_response;
    bool is_to_head; /* responses: to requests with HEAD */
    const struct head_limits *limits;
    void (*on_message)(void *context, const struct transcript_message *message); /* may be NULL */
    void *context;
    /* What comes out. */
    struct transcript_text text;
    enum head_error error;
    size_t consumed; /* bytes that belong to messages, up to an error */
};

/* Reads n bytes in pieces: cuts[] are the lengths of the first ones, then the rest comes at once. */
void transcript_read(struct transcript *t, const char *bytes, size_t n, const size_t *cuts,
                     size_t nr_cuts);

void transcript_fini(struct transcript *t);

/* Reads the bytes and two line ends behind them whole, by single bytes and cut at places that seed chooses; all must agree. on_message is called while they are read
 * whole. */
void transcript_compare(const struct transcript *how, const char *bytes, size_t n, uint64_t seed);

#endif

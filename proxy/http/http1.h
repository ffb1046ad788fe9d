/* Reading HTTP/1.x messages: heads, bodies and trailers (RFC 9112). The only user of llhttp.
 *
 *     bytes --> http1_head_feed --> struct head (offsets into the bytes)
 *           \-> http1_body_next --> spans of body, then the end, trailers kept as text
 *
 * weir reads start lines itself (any method, strict targets and versions) and sets llhttp, all
 * lenient flags off, on the header section and on chunked framing. What RFC 9110 and 9112 let a
 * proxy refuse for safety is refused here, for requests and for responses by the same rules;
 * head_error says what was wrong.
 *
 * A worker's thread; no allocation but for trailers. */
#ifndef WEIR_PROXY_HTTP_HTTP1_H
#define WEIR_PROXY_HTTP_HTTP1_H

#include <llhttp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "proxy/http/chunkext.h"
#include "proxy/http/head.h"

struct http1 {
    llhttp_t ll;
    struct head *head; /* the caller's; may be moved between feeds with http1_move */
    const struct head_limits *limits;
    const char *base;   /* of the bytes being fed */
    const char *detail; /* one sentence on the error */
    char *trailers;     /* malloc'ed field lines "name: value\r\n"; NULL: none */
    uint32_t trailers_len, trailers_room;
    uint32_t parsed;           /* bytes of the head already consumed */
    uint32_t head_floor;       /* where the header section begins */
    struct chunkext extension; /* of the chunk line being read */
    uint64_t remaining;        /* of a body with a length */
    uint8_t state, error, chunk_line;
    bool is_response, is_in_name;
    bool drops_trailers; /* the head's, which is gone when they come */
    bool is_plain; /* all lines so far were plain ones, and llhttp has seen nothing of this head */
    enum body_kind body;
};

enum http1_result {
    HTTP1_MORE,  /* all bytes consumed, the message goes on */
    HTTP1_HEAD,  /* the head is complete: head->bytes of it */
    HTTP1_SPAN,  /* *span is a piece of the body */
    HTTP1_END,   /* the message is complete */
    HTTP1_FAILED /* head_error says why; nothing more may be fed */
};

/* Once per process, before any worker starts. */
void http1_global_init(void);

/* Prepares for one message. head is written to from the first feed on, and may be shared by
 * connections until then. limits must outlive the message. */
void http1_init_request(struct http1 *p, struct head *head, const struct head_limits *limits);
void http1_init_response(struct http1 *p, struct head *head, const struct head_limits *limits);

/* Releases the trailers. Idempotent. */
void http1_fini(struct http1 *p);

/* The caller moved the head structure (not the bytes) to another place. */
static inline void http1_move(struct http1 *p, struct head *head)
{
    p->head = head;
}

/* Goes on with a head whose first len bytes stand at base (all of them, also those fed before;
 * they may have moved). HTTP1_MORE, HTTP1_HEAD or HTTP1_FAILED. */
enum http1_result http1_head_feed(struct http1 *p, const char *base, size_t len);

/* A response's framing also depends on its request (RFC 9112 section 6.3): call after HTTP1_HEAD
 * of a response and before its body. */
void http1_response_to(struct http1 *p, bool is_head_request);

/* Goes on with the body: *cursor moves towards end. HTTP1_SPAN, HTTP1_MORE, HTTP1_END or
 * HTTP1_FAILED. */
enum http1_result http1_body_next(struct http1 *p, const char **cursor, const char *end,
                                  struct str *span);

/* The connection ended: true if that completes the message (a response read until close). */
bool http1_body_eof(const struct http1 *p);

int http1_error_status(enum head_error error);

#endif

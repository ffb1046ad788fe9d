/* Reading HTTP/1.x messages: heads, bodies and trailers (RFC 9112). The only user of llhttp.
 *
 *     bytes --> http1_head_feed --> struct http1_head (offsets into the bytes)
 *           \-> http1_body_next --> spans of body, then the end, trailers kept as text
 *
 * weir reads start lines itself (any method, strict targets and versions) and sets llhttp, all lenient flags off, on the header
 * section and on chunked framing. What RFC 9110 and 9112 let a proxy refuse for safety is refused here, for requests
 * and for responses by the same rules; http1_error says what was wrong.
 *
 * A worker's thread; no allocation but for trailers. */
#ifndef WEIR_PROXY_HTTP_HTTP1_H
#define WEIR_PROXY_HTTP_HTTP1_H

#include <llhttp.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "proxy/http/fields.h"
#include "proxy/http/memo.h"

enum { HTTP1_FIELDS_MAX = 257, HTTP1_LINE_MAX = 65535 };

enum http1_body_kind {
    HTTP1_BODY_NONE,
    HTTP1_BODY_LENGTH,
    HTTP1_BODY_CHUNKED,
    HTTP1_BODY_UNTIL_CLOSE /* responses only */
};

/* Where a field stands, relative to the head's first byte. Values are without surrounding white space. */
struct http1_field {
    uint32_t name_at, value_at, value_len;
    uint16_t name_len;
    uint8_t id;     /* enum field_id */
    bool is_listed; /* by the head's Connection; said only where that has_connection_options */
};

/* One parsed head. Valid while the bytes at base stay where they are. Zero-initialised before its first use; with the next head in it, it
 * is read the faster the more that one is like it. */
struct http1_head {
    const char *base;
    uint32_t bytes; /* of the whole head, with its empty line */
    uint8_t minor;  /* HTTP/1.minor, as far as weir speaks it: 0 or 1 */
    bool is_close, is_keep_alive, is_upgrade; /* Connection's tokens */
    bool has_connection_options;              /* it lists other fields as well */
    uint8_t nr_connection_options;            /* elements of its list, over all its fields */
    bool has_underscores;                     /* in a field's name */
    bool is_plain;                            /* all field lines are "name: value" CR LF, with one space */
    bool is_expect_continue;
    bool has_max_forwards;  /* a valid Max-Forwards on OPTIONS or TRACE */
    uint32_t max_forwards;
    bool is_trace, is_connect, is_head, is_idempotent; /* of requests, by method (RFC 9110 section 9.2.2) */
    enum http1_body_kind body;
    uint64_t content_length;
    int status;                    /* responses */
    uint32_t line_at;              /* the start line's first byte */
    uint16_t method_len;           /* the method begins at line_at */
    uint32_t target_at, target_len; /* requests */
    uint32_t reason_at, reason_len; /* responses */
    uint32_t path_at, path_len, query_at, query_len; /* of the target; the query without '?' */
    bool has_query;
    int16_t host;                  /* index of the Host field, -1: none */
    uint32_t host_at, host_len;    /* of requests: the host asked for, by target or Host, without port; empty: none */
    bool has_keep_alive;           /* a field Keep-Alive */
    uint32_t authority_at, authority_len; /* of an absolute-form target; else 0 */
    bool is_https;                        /* its scheme */
    uint16_t nr_fields;
    struct http1_field fields[HTTP1_FIELDS_MAX];
    struct memo memo; /* http1.c's: fields[0] to [memo.nr - 1] are of the lines there */
};

struct http1_limits {
    uint32_t line_bytes, header_bytes;
    uint32_t header_count; /* below HTTP1_FIELDS_MAX */
    struct str own_field; /* a name that weir vouches for: refused in trailers; may be empty */
};

/* What went wrong; http1_error_status maps it. */
enum http1_error {
    HTTP1_ERROR_NONE,
    HTTP1_ERROR_BAD,             /* 400 */
    HTTP1_ERROR_LINE_TOO_LONG,   /* 414 */
    HTTP1_ERROR_HEAD_TOO_LARGE,  /* 431 */
    HTTP1_ERROR_NOT_IMPLEMENTED, /* 501: a transfer coding weir does not know */
    HTTP1_ERROR_VERSION,         /* 505 */
    HTTP1_ERROR_EXPECT,          /* 417 */
    HTTP1_ERROR_NO_MEMORY        /* 503 */
};

struct http1 {
    llhttp_t ll;
    struct http1_head *head; /* the caller's; may be moved between feeds with http1_move */
    const struct http1_limits *limits;
    const char *base;    /* of the bytes being fed */
    const char *detail;  /* one sentence on the error */
    char *trailers;      /* malloc'ed field lines "name: value\r\n"; NULL: none */
    uint32_t trailers_len, trailers_room;
    uint32_t parsed;     /* bytes of the head already consumed */
    uint32_t head_floor; /* where the header section begins */
    uint32_t chunk_meta; /* bytes of chunk extensions in the current chunk */
    uint32_t extension_len; /* of the extension's name or value being read */
    uint64_t remaining;  /* of a body with a length */
    uint8_t state, error;
    bool is_response, is_in_name, is_quoted;
    bool drops_trailers; /* Connection lists a field that may stand among them */
    bool is_plain; /* all lines so far were plain ones, and llhttp has seen nothing of this head */
    enum http1_body_kind body;
};

enum http1_result {
    HTTP1_MORE,  /* all bytes consumed, the message goes on */
    HTTP1_HEAD,  /* the head is complete: head->bytes of it */
    HTTP1_SPAN,  /* *span is a piece of the body */
    HTTP1_END,   /* the message is complete */
    HTTP1_FAILED /* http1_error says why; nothing more may be fed */
};

/* Once per process, before any worker starts. */
void http1_global_init(void);

/* Prepares for one message. head is written to from the first feed on, and may be shared by connections until then. limits must outlive the message. */
void http1_init_request(struct http1 *p, struct http1_head *head, const struct http1_limits *limits);
void http1_init_response(struct http1 *p, struct http1_head *head, const struct http1_limits *limits);

/* Releases the trailers. Idempotent. */
void http1_fini(struct http1 *p);

/* The caller moved the head structure (not the bytes) to another place. */
static inline void http1_move(struct http1 *p, struct http1_head *head)
{
    p->head = head;
}

/* Goes on with a head whose first len bytes stand at base (all of them, also those fed before; they may have moved). HTTP1_MORE,
 * HTTP1_HEAD or HTTP1_FAILED. */
enum http1_result http1_head_feed(struct http1 *p, const char *base, size_t len);

/* A response's framing also depends on its request (RFC 9112 section 6.3): call after HTTP1_HEAD of a response and before its body. */
void http1_response_to(struct http1 *p, bool is_head_request);

/* Goes on with the body: *cursor moves towards end. HTTP1_SPAN, HTTP1_MORE, HTTP1_END or HTTP1_FAILED. */
enum http1_result http1_body_next(struct http1 *p, const char **cursor, const char *end, struct str *span);

/* The connection ended: true if that completes the message (a response read until close). */
bool http1_body_eof(const struct http1 *p);

int http1_error_status(enum http1_error error);

/* For framing.c: nothing more may be fed; detail is a constant. HTTP1_FAILED. */
enum http1_result http1_fail(struct http1 *p, enum http1_error error, const char *detail);

static inline struct str http1_at(const struct http1_head *head, uint32_t at, size_t n)
{
    return (struct str){head->base + at, n};
}
static inline struct str http1_name(const struct http1_head *head, const struct http1_field *f)
{
    return http1_at(head, f->name_at, f->name_len);
}
static inline struct str http1_value(const struct http1_head *head, const struct http1_field *f)
{
    return http1_at(head, f->value_at, f->value_len);
}
static inline struct str http1_method(const struct http1_head *head)
{
    return http1_at(head, head->line_at, head->method_len);
}
static inline struct str http1_target(const struct http1_head *head)
{
    return http1_at(head, head->target_at, head->target_len);
}
static inline struct str http1_path(const struct http1_head *head)
{
    return http1_at(head, head->path_at, head->path_len);
}
static inline struct str http1_query(const struct http1_head *head)
{
    return http1_at(head, head->query_at, head->query_len);
}

/* Whether the sender's Connection lists the field: it then concerns that connection alone. The test of the flag is all that most heads
 * see of it. */
static inline __attribute__((always_inline)) bool http1_is_dropped(const struct http1_head *head, const struct http1_field *f)
{
    return head->has_connection_options && f->is_listed;
}

/* The first field of that kind, or NULL. */
static inline const struct http1_field *http1_find(const struct http1_head *head, enum field_id id)
{
    for (int i = 0; i < head->nr_fields; i++)
        if (head->fields[i].id == id)
            return &head->fields[i];
    return NULL;
}

#endif

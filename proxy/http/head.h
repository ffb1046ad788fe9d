/* The head of one message as its parser leaves it: what its fields say, and where they are.
 * Nothing is copied: places are relative to the head's first byte. Pure. */
#ifndef WEIR_PROXY_HTTP_HEAD_H
#define WEIR_PROXY_HTTP_HEAD_H

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

/* Where a field stands, relative to the head's first byte. Values are without surrounding white
 * space. */
struct http1_field {
    uint32_t name_at, value_at, value_len;
    uint16_t name_len;
    uint8_t id;     /* enum field_id */
    bool is_listed; /* by the head's Connection; said only where that has_connection_options */
};

/* One parsed head. Valid while the bytes at base stay where they are. Zero-initialised before its
 * first use; with the next head in it, it is read the faster the more that one is like it. */
struct http1_head {
    const char *base;
    uint32_t bytes; /* of the whole head, with its empty line */
    uint8_t minor;  /* HTTP/1.minor, as far as weir speaks it: 0 or 1 */
    bool is_response;
    /* What begins as false stands together, to be cleared at once. */
    bool is_close, is_keep_alive, is_upgrade; /* Connection's tokens */
    bool has_connection_options;              /* it lists other fields as well */
    uint8_t nr_connection_options;            /* elements of its list, over all its fields */
    bool drops_trailers;                      /* it lists a field that may stand among them */
    bool has_underscores;                     /* in a field's name */
    bool is_plain; /* all field lines are "name: value" CR LF, with one space */
    bool is_expect_continue;
    bool has_max_forwards; /* a valid Max-Forwards on OPTIONS or TRACE */
    bool has_keep_alive;   /* a field Keep-Alive */
    bool is_head;          /* of requests, by method, as these are (RFC 9110 section 9.2.2) */
    bool is_trace, is_connect, is_idempotent;
    uint32_t max_forwards;
    enum http1_body_kind body;
    uint64_t content_length;
    int status;                                      /* responses */
    uint32_t line_at;                                /* the start line's first byte */
    uint16_t method_len;                             /* the method begins at line_at */
    uint32_t target_at, target_len;                  /* requests */
    uint32_t reason_at, reason_len;                  /* responses */
    uint32_t path_at, path_len, query_at, query_len; /* of the target; the query without '?' */
    bool has_query;
    int16_t host; /* index of the Host field, -1: none */
    uint32_t host_at,
        host_len; /* of requests: the host asked for, by target or Host, without port; empty: none */
    uint32_t authority_at, authority_len; /* of an absolute-form target; else 0 */
    bool is_https;                        /* its scheme */
    const char *fault;                    /* why framing_read refused it: one sentence */
    uint16_t nr_fields;
    struct http1_field fields[HTTP1_FIELDS_MAX];
    struct memo memo; /* http1.c's: fields[0] to [memo.nr - 1] are of the lines there */
};

struct http1_limits {
    uint32_t line_bytes, header_bytes;
    uint32_t header_count; /* below HTTP1_FIELDS_MAX */
    struct str own_field;  /* a name that weir vouches for: refused in trailers; may be empty */
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

/* Whether the sender's Connection lists the field: it then concerns that connection alone. The
 * test of the flag is all that most heads see of it. */
static inline __attribute__((always_inline)) bool http1_is_dropped(const struct http1_head *head,
                                                                   const struct http1_field *f)
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

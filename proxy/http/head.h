/* The head of one message as its parser leaves it: what its fields say, and where they are.
 * Nothing is copied: places are relative to the head's first byte. Pure. */
#ifndef WEIR_PROXY_HTTP_HEAD_H
#define WEIR_PROXY_HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "proxy/http/fields.h"
#include "proxy/http/memo.h"

enum { HEAD_FIELDS_MAX = 257, HEAD_LINE_MAX = 65535 };

enum body_kind {
    BODY_NONE,
    BODY_LENGTH,
    BODY_CHUNKED,
    BODY_UNTIL_CLOSE /* responses only */
};

/* Where a field stands, relative to the head's first byte. Values are without surrounding white
 * space. */
struct head_field {
    uint32_t name_at, value_at, value_len;
    uint16_t name_len;
    uint8_t id;     /* enum field_id */
    bool is_listed; /* by the head's Connection; said only where that has_connection_options */
};

/* One parsed head. Valid while the bytes at base stay where they are. Zero-initialised before its
 * first use; with the next head in it, it is read the faster the more that one is like it. */
struct head {
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
    enum body_kind body;
    uint64_t content_length;
    int status;                                      /* responses */
    uint32_t line_at;                                /* the start line's first byte */
    uint16_t method_len;                             /* the method begins at line_at */
    uint32_t target_at, target_len;                  /* requests */
    uint32_t reason_at, reason_len;                  /* responses */
    uint32_t path_at, path_len, query_at, query_len; /* of the target; the query without '?' */
    bool has_query;
    int16_t host; /* index of the Host field, -1: none */
    /* of requests: the host asked for, by target or Host, without port; empty: none */
    uint32_t host_at, host_len;
    uint32_t authority_at, authority_len; /* of an absolute-form target; else 0 */
    bool is_https;                        /* its scheme */
    const char *fault;                    /* why framing_read refused it: one sentence */
    uint16_t nr_fields;
    struct head_field fields[HEAD_FIELDS_MAX];
    struct memo memo; /* http1.c's: fields[0] to [memo.nr - 1] are of the lines there */
};

struct head_limits {
    uint32_t line_bytes, header_bytes;
    uint32_t header_count; /* below HEAD_FIELDS_MAX */
    struct str own_field;  /* a name that weir vouches for: refused in trailers; may be empty */
};

/* What went wrong; http1_error_status maps it. */
enum head_error {
    HEAD_ERROR_NONE,
    HEAD_ERROR_BAD,             /* 400 */
    HEAD_ERROR_LINE_TOO_LONG,   /* 414 */
    HEAD_ERROR_HEAD_TOO_LARGE,  /* 431 */
    HEAD_ERROR_NOT_IMPLEMENTED, /* 501: a transfer coding weir does not know */
    HEAD_ERROR_VERSION,         /* 505 */
    HEAD_ERROR_EXPECT,          /* 417 */
    HEAD_ERROR_NO_MEMORY        /* 503 */
};

static inline struct str head_at(const struct head *head, uint32_t at, size_t n)
{
    return (struct str){head->base + at, n};
}
static inline struct str head_name(const struct head *head, const struct head_field *f)
{
    return head_at(head, f->name_at, f->name_len);
}
static inline struct str head_value(const struct head *head, const struct head_field *f)
{
    return head_at(head, f->value_at, f->value_len);
}
static inline struct str head_method(const struct head *head)
{
    return head_at(head, head->line_at, head->method_len);
}
static inline struct str head_target(const struct head *head)
{
    return head_at(head, head->target_at, head->target_len);
}
static inline struct str head_path(const struct head *head)
{
    return head_at(head, head->path_at, head->path_len);
}
static inline struct str head_query(const struct head *head)
{
    return head_at(head, head->query_at, head->query_len);
}

/* Whether the sender's Connection lists the field: it then concerns that connection alone. The
 * test of the flag is all that most heads see of it. */
static inline __attribute__((always_inline)) bool head_is_dropped(const struct head *head,
                                                                  const struct head_field *f)
{
    return head->has_connection_options && f->is_listed;
}

/* From now on the field is dropped as if Connection listed it. */
static inline void head_drop(struct head *head, struct head_field *f)
{
    for (int i = 0; !head->has_connection_options && i < head->nr_fields; i++)
        head->fields[i].is_listed = false;
    head->has_connection_options = true;
    f->is_listed = true;
}

/* The first field of that kind, or NULL. */
static inline const struct head_field *head_find(const struct head *head, enum field_id id)
{
    for (int i = 0; i < head->nr_fields; i++)
        if (head->fields[i].id == id)
            return &head->fields[i];
    return NULL;
}

#endif

/* What http1.c, which reads heads, and http1_body.c share. Private to them. */
#ifndef WEIR_PROXY_HTTP_HTTP1_PARTS_H
#define WEIR_PROXY_HTTP_HTTP1_PARTS_H

#include "proxy/http/http1.h"

enum http1_state {
    HTTP1_STATE_IN_LINE,
    HTTP1_STATE_IN_FIELDS,
    HTTP1_STATE_IN_BODY,
    HTTP1_STATE_IN_TRAILERS,
    HTTP1_STATE_AT_END,
    HTTP1_STATE_FAILED
};

/* Where in a chunk line the body stands. In what follows the line, and in the last chunk's
 * trailers, it is HTTP1_CHUNK_BEHIND_SIZE. */
enum http1_chunk_line {
    HTTP1_CHUNK_BEFORE_SIZE,
    HTTP1_CHUNK_IN_SIZE,
    HTTP1_CHUNK_IN_EXTENSION,
    HTTP1_CHUNK_BEHIND_SIZE
};

/* The message cannot be read, for this reason; HTTP1_FAILED. detail: constant text. */
enum http1_result http1_fail(struct http1 *p, enum head_error error, const char *detail);
enum http1_result http1_llhttp_failed(struct http1 *p, llhttp_errno_t error);

#endif

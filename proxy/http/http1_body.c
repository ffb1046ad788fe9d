/* Bodies: by their length, until the connection closes, or chunk by chunk through llhttp. */
#include "proxy/http/chars.h"
#include "proxy/http/http1_parts.h"

/* How far llhttp may read now: to where a chunk's size ends and extensions begin, or to end.
 * Whether size and line ends are right is for llhttp to say, which sees all of them. */
static inline __attribute__((always_inline)) const char *
find_extension(struct http1 *p, const char *at, const char *end)
{
    bool is_behind_digit = p->chunk_line == HTTP1_CHUNK_IN_SIZE;

    while (at < end && !is_behind_digit && (*at == '\r' || *at == '\n'))
        at++; /* behind the chunk before */
    for (; at < end && chars_is(*at, CHARS_HEX); at++)
        is_behind_digit = true;
    if (at == end) {
        p->chunk_line = is_behind_digit ? HTTP1_CHUNK_IN_SIZE : HTTP1_CHUNK_BEFORE_SIZE;
        return end;
    }
    p->chunk_line = HTTP1_CHUNK_BEHIND_SIZE;
    if (*at == '\r' || !is_behind_digit || (*at != ';' && *at != ' ' && *at != '\t'))
        return end;
    p->chunk_line = HTTP1_CHUNK_IN_EXTENSION;
    chunkext_begin(&p->extension);
    return at;
}

/* Sets llhttp on the bytes up to stop. HTTP1_MORE: it has taken all of them. */
static inline __attribute__((always_inline)) enum http1_result
run_chunked(struct http1 *p, const char **cursor, const char *stop, struct str *span)
{
    if (p->ll.error == HPE_PAUSED) {
        p->ll.upgrade = 0; /* an Upgrade beside a body is weir's matter, not llhttp's */
        llhttp_resume(&p->ll);
    }
    p->remaining = 0;
    llhttp_errno_t error = llhttp_execute(&p->ll, *cursor, (size_t)(stop - *cursor));
    if (error == HPE_OK) {
        *cursor = stop;
        return HTTP1_MORE;
    }
    if (error != HPE_PAUSED)
        return http1_llhttp_failed(p, error);
    *cursor = llhttp_get_error_pos(&p->ll);
    if (p->remaining > 0) {
        if (p->ll.content_length == 0) /* llhttp counts what is left of the chunk */
            p->chunk_line = HTTP1_CHUNK_BEFORE_SIZE;
        *span = (struct str){p->base, p->remaining};
        return HTTP1_SPAN;
    }
    p->state = HTTP1_STATE_AT_END;
    if (p->drops_trailers)
        p->trailers_len = 0;
    return HTTP1_END;
}

/* Passes over extensions. HTTP1_MORE: to the end of the bytes, or of the line. */
static enum http1_result drop_extensions(struct http1 *p, const char **cursor, const char *end)
{
    const char *complaint;

    *cursor = chunkext_read(&p->extension, *cursor, end, &complaint);
    if (!*cursor)
        return http1_fail(p, HEAD_ERROR_BAD, complaint);
    if (*cursor < end)
        p->chunk_line = HTTP1_CHUNK_BEHIND_SIZE;
    return HTTP1_MORE;
}

static enum http1_result next_chunked(struct http1 *p, const char **cursor, const char *end,
                                      struct str *span)
{
    p->ll.data = p;
    while (*cursor < end) {
        enum http1_result r = HTTP1_MORE;

        if (p->chunk_line == HTTP1_CHUNK_IN_EXTENSION) {
            r = drop_extensions(p, cursor, end);
        } else {
            const char *stop =
                p->chunk_line == HTTP1_CHUNK_BEHIND_SIZE ? end : find_extension(p, *cursor, end);
            if (stop > *cursor)
                r = run_chunked(p, cursor, stop, span);
        }
        if (r != HTTP1_MORE)
            return r;
    }
    return HTTP1_MORE;
}

enum http1_result http1_body_next(struct http1 *p, const char **cursor, const char *end,
                                  struct str *span)
{
    size_t room = (size_t)(end - *cursor);

    if (p->state == HTTP1_STATE_AT_END)
        return HTTP1_END;
    if (p->state == HTTP1_STATE_FAILED)
        return HTTP1_FAILED;
    if (p->body == BODY_CHUNKED) {
        if (p->state == HTTP1_STATE_IN_BODY && p->trailers_len == 0)
            p->head_floor = 0;
        return next_chunked(p, cursor, end, span);
    }
    if (room == 0)
        return HTTP1_MORE;
    if (p->body == BODY_LENGTH && room > p->remaining)
        room = (size_t)p->remaining;
    *span = (struct str){*cursor, room};
    *cursor += room;
    if (p->body == BODY_LENGTH) {
        p->remaining -= room;
        if (p->remaining == 0)
            p->state = HTTP1_STATE_AT_END;
    }
    return HTTP1_SPAN;
}

bool http1_body_eof(const struct http1 *p)
{
    return p->state == HTTP1_STATE_AT_END ||
           (p->state == HTTP1_STATE_IN_BODY && p->body == BODY_UNTIL_CLOSE);
}

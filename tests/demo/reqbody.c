/* The decoder handles one element a call: a run of data, or a line of chunked framing once it is
 * whole in the buffer. */
#include "reqbody.h"

enum { LINE_MAX_BYTES = 64 * 1024, SIZE_DIGITS_MAX = 15 };

void reqbody_begin(struct reqbody *body, const struct reqhead *head, struct bytes *trailers)
{
    *body = (struct reqbody){.state = REQBODY_DONE, .trailers = trailers};
    body->is_chunked = head->is_chunked;
    if (head->is_chunked) {
        body->state = REQBODY_CHUNK_SIZE;
    } else if (head->length > 0) {
        body->state = REQBODY_LENGTH;
        body->left = head->length;
    }
}

static ssize_t take_data(struct reqbody *body, const char *p, size_t n, struct str *data)
{
    size_t piece = n < body->left ? n : (size_t)body->left;

    *data = (struct str){p, piece};
    body->left -= piece;
    body->count += piece;
    if (body->left == 0)
        body->state = body->state == REQBODY_LENGTH ? REQBODY_DONE : REQBODY_CHUNK_END;
    return (ssize_t)piece;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = str_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A chunk's size, optionally followed by an extension. */
static bool parse_size(struct reqbody *body, struct str line)
{
    size_t i = 0;

    body->left = 0;
    while (i < line.n && hex_digit(line.p[i]) >= 0) {
        body->left = body->left * 16 + (uint64_t)hex_digit(line.p[i]);
        i++;
    }
    if (i == 0 || i > SIZE_DIGITS_MAX || (i < line.n && line.p[i] != ';'))
        return false;
    body->state = body->left > 0 ? REQBODY_CHUNK_DATA : REQBODY_TRAILERS;
    return true;
}

static bool take_trailer(struct reqbody *body, struct str line)
{
    struct reqhead_field field;

    if (line.n == 0) {
        body->state = REQBODY_DONE;
        return true;
    }
    if (!reqhead_parse_field(&field, line))
        return false;
    bytes_append(body->trailers, line.p, line.n);
    bytes_text(body->trailers, "\r\n");
    return true;
}

static bool take_line(struct reqbody *body, struct str line)
{
    switch (body->state) {
    case REQBODY_CHUNK_SIZE:
        return parse_size(body, line);
    case REQBODY_CHUNK_END:
        body->state = REQBODY_CHUNK_SIZE;
        return line.n == 0;
    case REQBODY_TRAILERS:
        return take_trailer(body, line);
    default:
        return false;
    }
}

ssize_t reqbody_take(struct reqbody *body, const char *p, size_t n, struct str *data)
{
    const char *end;
    struct str line;

    *data = (struct str){p, 0};
    if (body->state == REQBODY_DONE || n == 0)
        return 0;
    if (body->state == REQBODY_LENGTH || body->state == REQBODY_CHUNK_DATA)
        return take_data(body, p, n, data);
    end = memchr(p, '\n', n);
    if (!end)
        return n > LINE_MAX_BYTES ? -1 : 0;
    line = (struct str){p, (size_t)(end - p)};
    if (line.n == 0 || line.p[line.n - 1] != '\r')
        return -1;
    line.n--;
    return take_line(body, line) ? (ssize_t)(end - p) + 1 : -1;
}

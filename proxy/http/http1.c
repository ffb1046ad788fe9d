/* HTTP/1.x message reader on llhttp.
 *
 * A message begins with a start line, which startline.c reads, and plain field lines, which
 * plainline.c reads. llhttp starts behind them: its state as it stands after a start line is kept
 * as a template and copied, so nothing is parsed twice and any method is possible. llhttp stops
 * (HPE_PAUSED) at the end of the header section; bodies with a length or until close are counted
 * here, only chunked ones go through llhttp again, span by span. It does not see the extensions of
 * chunks: chunkext.c checks them, white space included that llhttp would not take, and they are
 * dropped, as each chunk is framed anew.
 *
 * Spans that a read cuts in two arrive in two callbacks; since a head's bytes are contiguous (the
 * caller sees to that), the second one just makes the field longer.
 *
 * Bodies are read in http1_body.c, through the same llhttp. */
#include "proxy/http/http1.h"

#include <assert.h>
#include <stdlib.h>

#include "proxy/http/authority.h"
#include "proxy/http/chars.h"
#include "proxy/http/framing.h"
#include "proxy/http/http1_parts.h"
#include "proxy/http/plainline.h"
#include "proxy/http/startline.h"

static const uint64_t CHUNK_MAX = UINT64_C(1) << 50;

enum { EMPTY_BYTES_MAX = 4, TRAILERS_MAX = 16384 };

/* Written by http1_global_init before there is another thread; then all threads read them. */
static llhttp_settings_t callbacks;
static llhttp_t after_request_line, after_status_line, after_chunked_head;

/* ---- Failing --------------------------------------------------------------------------------- */

enum http1_result http1_fail(struct http1 *p, enum head_error error, const char *detail)
{
    p->state = HTTP1_STATE_FAILED;
    p->error = (uint8_t)error;
    p->detail = detail;
    return HTTP1_FAILED;
}

int http1_error_status(enum head_error error)
{
    switch (error) {
    case HEAD_ERROR_LINE_TOO_LONG:
        return 414;
    case HEAD_ERROR_HEAD_TOO_LARGE:
        return 431;
    case HEAD_ERROR_NOT_IMPLEMENTED:
        return 501;
    case HEAD_ERROR_VERSION:
        return 505;
    case HEAD_ERROR_EXPECT:
        return 417;
    case HEAD_ERROR_NO_MEMORY:
        return 503;
    default:
        return 400;
    }
}

/* ---- Trailers: kept as text, as they are rare and only passed on ----------------------------- */

static int trailer_append(struct http1 *p, const char *at, size_t n)
{
    if (p->trailers_len + n > TRAILERS_MAX) {
        http1_fail(p, HEAD_ERROR_HEAD_TOO_LARGE, "the trailer section is too large");
        return -1;
    }
    if (p->trailers_len + n > p->trailers_room) {
        uint32_t room = p->trailers_room ? p->trailers_room : 256;
        while (room < p->trailers_len + n)
            room *= 2;
        char *grown = realloc(p->trailers, room);
        if (!grown) {
            http1_fail(p, HEAD_ERROR_NO_MEMORY, "out of memory");
            return -1;
        }
        p->trailers = grown;
        p->trailers_room = room;
    }
    if (n > 0)
        memcpy(p->trailers + p->trailers_len, at, n);
    p->trailers_len += (uint32_t)n;
    return 0;
}

static bool is_own_field(const struct http1 *p, struct str name)
{
    return p->limits->own_field.n > 0 && str_ieq(name, p->limits->own_field);
}

/* p->head_floor serves as the start of the current trailer line, since heads are over by then.
 * Idempotent. */
static int trailer_end_name(struct http1 *p)
{
    struct str name = {p->trailers + p->head_floor, p->trailers_len - p->head_floor};

    if (!p->is_in_name)
        return 0;
    p->is_in_name = false;
    if (fields_is_forbidden_trailer(fields_id(name)) || fields_is_forwarded(name) ||
        is_own_field(p, name)) {
        http1_fail(p, HEAD_ERROR_BAD,
                   "a field stands in the trailer section that must not stand there");
        return -1;
    }
    return trailer_append(p, ": ", 2);
}

static int trailer_end_value(struct http1 *p)
{
    if (trailer_end_name(p) < 0)
        return -1;
    while (p->trailers[p->trailers_len - 1] == ' ' || p->trailers[p->trailers_len - 1] == '\t')
        p->trailers_len--;
    if (trailer_append(p, "\r\n", 2) < 0)
        return -1;
    p->head_floor = p->trailers_len;
    return 0;
}

/* ---- llhttp's callbacks ---------------------------------------------------------------------- */

static struct head_field *last_field(struct http1 *p)
{
    return &p->head->fields[p->head->nr_fields];
}

static int on_name(llhttp_t *ll, const char *at, size_t n)
{
    struct http1 *p = ll->data;
    struct head_field *f;

    if (p->state == HTTP1_STATE_IN_TRAILERS || p->state == HTTP1_STATE_IN_BODY) {
        p->state = HTTP1_STATE_IN_TRAILERS;
        p->is_in_name = true;
        return trailer_append(p, at, n);
    }
    f = last_field(p);
    if (!p->is_in_name) {
        p->is_in_name = true;
        f->name_at = (uint32_t)(at - p->base);
        f->name_len = 0;
        f->value_len = 0;
    }
    if (f->name_len + n > UINT16_MAX)
        return -1;
    f->name_len = (uint16_t)(f->name_len + n);
    return 0;
}

/* llhttp reads the values of some fields closer, and then does not take a tab behind a length. What
 * they mean is framing_read's matter: to llhttp all are alike. */
static int on_name_complete(llhttp_t *ll)
{
    ll->header_state = 0;
    return 0;
}

/* The first bytes of a value, or its end, end the name. */
static int on_value(llhttp_t *ll, const char *at, size_t n)
{
    struct http1 *p = ll->data;
    struct head_field *f;

    if (p->state == HTTP1_STATE_IN_TRAILERS)
        return trailer_end_name(p) < 0 ? -1 : trailer_append(p, at, n);
    f = last_field(p);
    p->is_in_name = false;
    if (f->value_len == 0)
        f->value_at = (uint32_t)(at - p->base);
    f->value_len += (uint32_t)n;
    return 0;
}

static int too_many_fields(struct http1 *p)
{
    http1_fail(p, HEAD_ERROR_HEAD_TOO_LARGE, "there are more fields than limits.header_count");
    return -1;
}

static inline __attribute__((always_inline)) void name_field(const struct http1 *p,
                                                             struct head_field *f)
{
    f->id = (uint8_t)fields_id(head_at(p->head, f->name_at, f->name_len));
}

/* Adds the field whose place and name are known. */
static inline __attribute__((always_inline)) int take_field(struct http1 *p, struct head_field *f)
{
    struct head *head = p->head;

    if (framing_is_concerned((enum field_id)f->id)) {
        enum head_error error = framing_read(head, f);
        if (error) {
            http1_fail(p, error, head->fault);
            return -1;
        }
    }
    if (head->nr_fields >= p->limits->header_count)
        return too_many_fields(p);
    head->nr_fields++;
    return 0;
}

static int on_value_complete(llhttp_t *ll)
{
    struct http1 *p = ll->data;

    if (p->state == HTTP1_STATE_IN_TRAILERS)
        return trailer_end_value(p);
    struct head_field *f = last_field(p);
    p->is_in_name = false;
    p->head->base = p->base;
    if (f->value_len == 0)
        f->value_at = f->name_at + f->name_len;
    while (f->value_len > 0 && (p->base[f->value_at + f->value_len - 1] == ' ' ||
                                p->base[f->value_at + f->value_len - 1] == '\t'))
        f->value_len--;
    p->head->has_underscores |= memchr(p->base + f->name_at, '_', f->name_len) != NULL;
    name_field(p, f);
    return take_field(p, f);
}

static int on_pause(llhttp_t *ll)
{
    (void)ll;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
    struct http1 *p = ll->data;

    p->base = at; /* the span is handed over through these two */
    p->remaining = n;
    return HPE_PAUSED;
}

static int on_chunk_header(llhttp_t *ll)
{
    struct http1 *p = ll->data;

    if (ll->content_length > CHUNK_MAX) {
        http1_fail(p, HEAD_ERROR_BAD, "a chunk is larger than anything that can be sent");
        return -1;
    }
    return 0;
}

static void make_template(llhttp_t *ll, llhttp_type_t type, const char *line)
{
    static llhttp_settings_t pause_behind_head;

    llhttp_settings_init(&pause_behind_head);
    pause_behind_head.on_headers_complete = on_pause;
    llhttp_init(ll, type, &pause_behind_head);
    llhttp_errno_t error = llhttp_execute(ll, line, strlen(line));
    assert(error == HPE_OK || error == HPE_PAUSED);
    (void)error;
    ll->settings = &callbacks;
}

void http1_global_init(void)
{
    llhttp_settings_init(&callbacks);
    callbacks.on_header_field = on_name;
    callbacks.on_header_field_complete = on_name_complete;
    callbacks.on_header_value = on_value;
    callbacks.on_header_value_complete = on_value_complete;
    callbacks.on_headers_complete = on_pause;
    callbacks.on_message_complete = on_pause;
    callbacks.on_body = on_body;
    callbacks.on_chunk_header = on_chunk_header;
    /* PUT, so that llhttp has no rule of its own for the method. */
    make_template(&after_request_line, HTTP_REQUEST, "PUT / HTTP/1.1\r\n");
    make_template(&after_status_line, HTTP_RESPONSE, "HTTP/1.1 200 OK\r\n");
    /* Chunked bodies begin from here, whatever llhttp made of the head: that a body is chunked is
     * decided in one place, framing.c. */
    make_template(&after_chunked_head, HTTP_REQUEST,
                  "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
}

/* ---- Heads ---- */

/* Only when the first bytes are there: the structure may serve many connections, each for the time
 * of one event. */
static void clear_head(struct head *head, bool is_response)
{
    head->is_response = is_response;
    head->drops_trailers = false;
    head->line_at = 0;
    head->is_close = head->is_keep_alive = head->is_upgrade = false;
    head->has_connection_options = head->is_expect_continue = head->has_max_forwards = false;
    head->has_underscores = head->has_keep_alive = head->is_plain = false;
    head->nr_connection_options = 0;
    head->is_head = false; /* a request line that can't be read is none of HEAD */
    head->body = BODY_NONE;
    head->content_length = 0;
    head->host = -1;
    head->nr_fields = 0;
}

static void init(struct http1 *p, struct head *head, const struct head_limits *limits,
                 bool is_response)
{
    assert(limits->header_count < HEAD_FIELDS_MAX);
    p->head = head;
    p->limits = limits;
    p->detail = "";
    p->trailers = NULL;
    p->trailers_len = p->trailers_room = 0;
    p->parsed = p->head_floor = 0;
    p->chunk_line = HTTP1_CHUNK_BEFORE_SIZE;
    p->remaining = 0;
    p->state = HTTP1_STATE_IN_LINE;
    p->error = HEAD_ERROR_NONE;
    p->is_response = is_response;
    p->is_in_name = false;
    p->body = BODY_NONE;
}

void http1_init_request(struct http1 *p, struct head *head, const struct head_limits *limits)
{
    init(p, head, limits, false);
}

void http1_init_response(struct http1 *p, struct head *head, const struct head_limits *limits)
{
    init(p, head, limits, true);
}

void http1_fini(struct http1 *p)
{
    if (!p->trailers)
        return;
    free(p->trailers);
    p->trailers = NULL;
    p->trailers_len = p->trailers_room = 0;
}

static enum http1_result begin_fields(struct http1 *p, size_t at)
{
    p->parsed = p->head_floor = (uint32_t)at;
    p->state = HTTP1_STATE_IN_FIELDS;
    p->is_plain = true;
    return HTTP1_HEAD;
}

/* Finds the start line and reads it. A few empty lines before a request are skipped (RFC 9112
 * section 2.2). */
static enum http1_result feed_line(struct http1 *p, const char *base, size_t len)
{
    struct head *head = p->head;
    enum head_error error;

    head->base = base;
    if (p->is_response && p->parsed == 0) {
        size_t n = startline_usual_response(head, len);
        if (n > 0)
            return begin_fields(p, n);
    }
    while (!p->is_response && head->line_at < EMPTY_BYTES_MAX && len >= head->line_at + 2u &&
           base[head->line_at] == '\r' && base[head->line_at + 1] == '\n') {
        head->line_at += 2;
        p->parsed = head->line_at;
    }
    const char *lf = p->parsed < len ? memchr(base + p->parsed, '\n', len - p->parsed) : NULL;
    uint32_t line_bytes = (uint32_t)((lf ? (size_t)(lf - base) : len) - head->line_at);
    if (line_bytes > p->limits->line_bytes)
        return http1_fail(p, HEAD_ERROR_LINE_TOO_LONG,
                          p->is_response ? "the status line is too long"
                                         : "the request line is over limits.request_line_bytes");
    if (!lf) {
        p->parsed = (uint32_t)len;
        return HTTP1_MORE;
    }
    if (line_bytes == 0 || lf[-1] != '\r')
        return http1_fail(p, HEAD_ERROR_BAD, "the start line does not end with CR LF");
    error = p->is_response ? startline_response(head, line_bytes - 1, &p->detail)
                           : startline_request(head, line_bytes - 1, &p->detail);
    if (error)
        return http1_fail(p, error, p->detail);
    return begin_fields(p, (size_t)(lf - base) + 1);
}

static enum http1_result head_complete(struct http1 *p, const char *end)
{
    struct head *head = p->head;
    const char *complaint;

    head->base = p->base;
    head->bytes = (uint32_t)(end - p->base);
    if (head->bytes - p->head_floor > p->limits->header_bytes)
        return http1_fail(p, HEAD_ERROR_HEAD_TOO_LARGE,
                          "the header section is over limits.header_bytes");
    if (head->has_connection_options)
        framing_mark_listed(head);
    if (!p->is_response) {
        complaint = authority_check_host(head);
        if (complaint)
            return http1_fail(p, HEAD_ERROR_BAD, complaint);
    }
    if (head->body == BODY_LENGTH && head->content_length == 0 && !p->is_response)
        head->body = BODY_NONE;
    p->body = head->body;
    p->drops_trailers = head->drops_trailers;
    p->remaining = head->content_length;
    if (p->body == BODY_CHUNKED) {
        p->ll = after_chunked_head;
        p->is_in_name = false;
    }
    p->state = p->body == BODY_NONE ? HTTP1_STATE_AT_END : HTTP1_STATE_IN_BODY;
    return HTTP1_HEAD;
}

enum http1_result http1_llhttp_failed(struct http1 *p, llhttp_errno_t error)
{
    if (p->state == HTTP1_STATE_FAILED)
        return HTTP1_FAILED;
    if (error == HPE_INVALID_TRANSFER_ENCODING)
        return http1_fail(p, HEAD_ERROR_BAD, "Transfer-Encoding must be 'chunked', once");
    const char *reason = llhttp_get_error_reason(&p->ll);
    return http1_fail(p, HEAD_ERROR_BAD, reason && *reason ? reason : "the message is malformed");
}

/* Takes the lines that stand where they stood in the head before. The begin of the next one; NULL
 * where a field's meaning, or one too many, makes the head fail. */
static inline __attribute__((always_inline)) const char *
take_known(struct http1 *p, const char *line, const char *end, const struct head_field *known_end)
{
    struct head_field *f = last_field(p);
    uint32_t first = f->name_at, moved = (uint32_t)(line - p->base) - first;

    if (f >= known_end)
        return line;
    /* The byte behind a line has to be the same too: it could continue it. */
    uint32_t same_end = first + (uint32_t)memo_common(&p->head->memo, first, line, end);
    for (; f < known_end && f->value_at + f->value_len + 2 < same_end; f++) {
        f->name_at += moved;
        f->value_at += moved;
        line = p->base + f->value_at + f->value_len + 2;
        if (take_field(p, f) < 0)
            return NULL;
    }
    return line;
}

/* Takes one plain line. The begin of the next one; NULL where it is not plain. */
static inline __attribute__((always_inline)) const char *
read_plain(struct http1 *p, const char *line, const char *end)
{
    struct head_field *f = last_field(p);
    struct plainline found;
    const char *next = plainline_read(p->base, line, end, &found);

    if (!next || found.name_len > UINT16_MAX)
        return NULL;
    f->name_at = (uint32_t)(line - p->base);
    f->name_len = (uint16_t)found.name_len;
    f->value_at = f->name_at + found.name_len + 2;
    f->value_len = found.value_len;
    name_field(p, f);
    return next;
}

/* Takes plain lines, and the end of the head if only such came. HTTP1_MORE: the rest is llhttp's.
 */
static enum http1_result feed_plain(struct http1 *p, const char *base, const char *end)
{
    struct head *head = p->head;
    const struct head_field *known_end = head->fields + head->memo.nr;
    const char *first = base + p->parsed, *line = first, *next;
    bool is_new = false;

    head->memo.nr = 0; /* until this head proves to be one to keep */
    head->base = base;
    for (;; line = next, is_new = true) {
        line = take_known(p, line, end, known_end);
        if (!line)
            return HTTP1_FAILED;
        next = line < end && *line == '\r' ? NULL : read_plain(p, line, end);
        if (!next)
            break;
        if (take_field(p, last_field(p)) < 0)
            return HTTP1_FAILED;
    }
    p->parsed = (uint32_t)(line - base);
    if (end - line < 2 || line[0] != '\r' || line[1] != '\n')
        return HTTP1_MORE;
    line += 2;
    head->is_plain = true;
    enum http1_result r = head_complete(p, line);
    if (r != HTTP1_HEAD)
        return r;
    if (is_new)
        memo_keep(&head->memo, (struct str){first, (size_t)(line - first)}, p->head_floor,
                  head->nr_fields);
    else {
        head->memo.at = p->head_floor;
        head->memo.nr = head->nr_fields;
    }
    return r;
}

enum http1_result http1_head_feed(struct http1 *p, const char *base, size_t len)
{
    p->base = base;
    if (p->state == HTTP1_STATE_IN_LINE && p->parsed == 0)
        clear_head(p->head, p->is_response);
    if (p->state == HTTP1_STATE_IN_LINE) {
        enum http1_result r = feed_line(p, base, len);
        if (r != HTTP1_HEAD)
            return r;
    }
    assert(p->state == HTTP1_STATE_IN_FIELDS);
    if (p->parsed == len)
        return HTTP1_MORE;
    if (p->is_plain) {
        enum http1_result r = feed_plain(p, base, base + len);
        if (r != HTTP1_MORE)
            return r;
        p->is_plain = false;
        p->ll = p->is_response ? after_status_line : after_request_line;
    }
    p->ll.data = p;
    llhttp_errno_t error = llhttp_execute(&p->ll, base + p->parsed, len - p->parsed);
    if (error == HPE_PAUSED)
        return head_complete(p, llhttp_get_error_pos(&p->ll));
    if (error != HPE_OK)
        return http1_llhttp_failed(p, error);
    p->parsed = (uint32_t)len;
    if (len - p->head_floor > p->limits->header_bytes)
        return http1_fail(p, HEAD_ERROR_HEAD_TOO_LARGE,
                          "the header section is over limits.header_bytes");
    return HTTP1_MORE;
}

void http1_response_to(struct http1 *p, bool is_head_request)
{
    int status = p->head->status;

    if (is_head_request || status < 200 || status == 204 || status == 304)
        p->body = BODY_NONE;
    else if (p->head->body == BODY_NONE)
        p->body = BODY_UNTIL_CLOSE;
    bool is_over = p->body == BODY_NONE || (p->body == BODY_LENGTH && p->remaining == 0);
    p->state = is_over ? HTTP1_STATE_AT_END : HTTP1_STATE_IN_BODY;
}

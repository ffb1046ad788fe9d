/* Bytes to transcripts. Each piece stands in memory of its own that is gone when it was read, so
 * that whatever is kept too long, or read past the end, is seen by AddressSanitizer. */
#include "tests/fuzz/transcript.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "proxy/http/partial.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/wire_model.h"

struct reader {
    struct transcript *t;
    struct http1 parser;
    struct head scratch;
    struct partial *partial;
    const char *stream;
    size_t body_at, raw; /* of the current message */
    struct transcript_text body;
    bool is_in_body, is_over;
    char *piece;     /* the last one */
    bool is_scratch; /* the current head is in scratch and its bytes are still there */
};

void transcript_put(struct transcript_text *text, const char *bytes, size_t n)
{
    if (text->n + n > text->room) {
        size_t room = 2 * (text->n + n) + 256;
        char *grown = realloc(text->p, room);
        FUZZ_CHECK(grown);
        text->p = grown;
        text->room = room;
    }
    if (n > 0 && text->p)
        memcpy(text->p + text->n, bytes, n);
    text->n += n;
}

static void note(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct reader *r, const char *format, ...)
{
    char line[256];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    FUZZ_CHECK(n >= 0 && n < (int)sizeof(line));
    transcript_put(&r->t->text, line, (size_t)n);
}

static void note_str(struct reader *r, const char *what, struct str s)
{
    note(r, "%s %zu ", what, s.n);
    transcript_put(&r->t->text, s.p, s.n);
    note(r, "\n");
}

static void note_head(struct reader *r)
{
    const struct head *h = r->parser.head;

    note(r, "1.%d body %d length %llu flags %d%d%d%d%d%d forwards %u host %d\n", h->minor, h->body,
         (unsigned long long)h->content_length, h->is_close, h->is_keep_alive, h->is_upgrade,
         h->has_connection_options, h->is_expect_continue, h->has_max_forwards,
         h->has_max_forwards ? h->max_forwards : 0, h->host);
    if (r->t->is_response) {
        note(r, "status %d\n", h->status);
        note_str(r, "reason", head_at(h, h->reason_at, h->reason_len));
    } else {
        note(r, "method %d%d%d%d\n", h->is_trace, h->is_connect, h->is_head, h->is_idempotent);
        note_str(r, "method", head_method(h));
        note_str(r, "target", head_target(h));
        note_str(r, "path", head_path(h));
        note_str(r, h->has_query ? "query" : "no query", head_query(h));
        note_str(r, "authority", head_at(h, h->authority_at, h->authority_len));
    }
    for (int i = 0; i < h->nr_fields; i++) {
        note(r, "field %d\n", h->fields[i].id);
        note_str(r, "name", head_name(h, &h->fields[i]));
        note_str(r, "value", head_value(h, &h->fields[i]));
    }
}

static void begin(struct reader *r)
{
    if (r->t->is_response)
        http1_init_response(&r->parser, &r->scratch, r->t->limits);
    else
        http1_init_request(&r->parser, &r->scratch, r->t->limits);
    r->is_in_body = false;
    r->body.n = r->raw = 0;
}

static void failed(struct reader *r)
{
    r->t->error = (enum head_error)r->parser.error;
    FUZZ_CHECK(r->t->error != HEAD_ERROR_NONE && r->parser.detail[0] != '\0');
    FUZZ_CHECK(http1_error_status(r->t->error) >= 400);
    r->is_over = true;
}

static void end_message(struct reader *r)
{
    struct transcript_message message = {
        .head = r->is_scratch ? &r->scratch : NULL,
        .body_kind = r->parser.body,
        .body = {r->body.p, r->body.n},
        .trailers = {r->parser.trailers, r->parser.trailers_len},
        .raw = {r->stream + r->body_at, r->raw},
    };

    note_str(r, "body", message.body);
    note_str(r, "trailers", message.trailers);
    wire_model_check_body(&r->parser, &message);
    if (r->t->on_message)
        r->t->on_message(r->t->context, &message);
    http1_fini(&r->parser);
    begin(r);
}

/* Where the message ended, or end. */
static const char *read_body(struct reader *r, const char *cursor, const char *end)
{
    struct str span;

    for (;;) {
        const char *before = cursor;
        enum http1_result result = http1_body_next(&r->parser, &cursor, end, &span);
        FUZZ_CHECK(cursor >= before && cursor <= end);
        r->raw += (size_t)(cursor - before);
        r->t->consumed += (size_t)(cursor - before);
        if (result == HTTP1_SPAN) {
            FUZZ_CHECK(span.n > 0 && span.p >= before && span.p + span.n <= cursor);
            transcript_put(&r->body, span.p, span.n);
            continue;
        }
        if (result == HTTP1_END) {
            end_message(r);
            return cursor;
        }
        if (result == HTTP1_FAILED)
            failed(r);
        else
            FUZZ_CHECK(result == HTTP1_MORE && cursor == end);
        return end;
    }
}

static const char *read_head(struct reader *r, const char *data, const char *end)
{
    switch (http1_head_feed(&r->parser, data, (size_t)(end - data))) {
    case HTTP1_HEAD:
        FUZZ_CHECK(r->parser.head->bytes <= (size_t)(end - data) && r->parser.head->base == data);
        r->is_scratch = r->parser.head == &r->scratch;
        r->is_in_body = true;
        r->body_at = r->t->consumed + r->parser.head->bytes;
        r->t->consumed = r->body_at;
        note_head(r);
        wire_model_check_head(r->parser.head, r->t->is_response);
        if (r->t->is_response)
            http1_response_to(&r->parser, r->t->is_to_head);
        return read_body(r, data + r->parser.head->bytes, end);
    case HTTP1_MORE:
        FUZZ_CHECK(partial_keep(&r->partial, &r->parser, data, (size_t)(end - data)) == 0);
        return end;
    default:
        failed(r);
        return end;
    }
}

/* All the messages that begin or go on in these bytes. */
static void read_bytes(struct reader *r, const char *data, const char *end)
{
    while (!r->is_over && data < end)
        data = r->is_in_body ? read_body(r, data, end) : read_head(r, data, end);
}

static void read_piece(struct reader *r, const char *piece, size_t n)
{
    free(r->piece);
    r->piece = NULL;
    r->is_scratch = false;
    while (n > 0 && r->partial && !r->is_over) {
        char *at;
        size_t room;
        FUZZ_CHECK(partial_room(r->partial, &at, &room) == 0);
        size_t taken = n < room ? n : room;
        memcpy(at, piece, taken);
        piece += taken;
        n -= taken;
        partial_begin(r->partial, taken);
        read_bytes(r, r->partial->bytes, r->partial->bytes + r->partial->len);
        partial_finish(&r->partial);
    }
    if (n == 0 || r->is_over)
        return;
    char *copy = malloc(n);
    FUZZ_CHECK(copy);
    memcpy(copy, piece, n);
    r->piece = copy;
    read_bytes(r, copy, copy + n);
}

void transcript_read(struct transcript *t, const char *bytes, size_t n, const size_t *cuts,
                     size_t nr_cuts)
{
    struct reader *r = calloc(1, sizeof(*r)); /* one reading may begin within another */
    size_t at = 0;

    FUZZ_CHECK(r);
    r->t = t;
    r->stream = bytes;
    begin(r);
    for (size_t i = 0; at < n && !r->is_over; i++) {
        size_t taken = i < nr_cuts && cuts[i] < n - at ? cuts[i] : n - at;
        read_piece(r, bytes + at, taken);
        at += taken;
    }
    if (!r->is_over && r->is_in_body && http1_body_eof(&r->parser)) {
        FUZZ_CHECK(t->is_response && r->parser.body == BODY_UNTIL_CLOSE);
        end_message(r);
    }
    /* What an unfinished message had so far. */
    note_str(r, "unfinished", (struct str){r->body.p, r->body.n});
    http1_fini(&r->parser);
    partial_free(&r->partial);
    free(r->piece);
    free(r->body.p);
    free(r);
}

void transcript_fini(struct transcript *t)
{
    free(t->text.p);
    t->text = (struct transcript_text){0};
}

/* One cut may find a head too large before it comes to what is wrong with it. */
static bool is_same_error(enum head_error a, enum head_error b)
{
    return a == b || (a != HEAD_ERROR_NONE && b == HEAD_ERROR_HEAD_TOO_LARGE) ||
           (b != HEAD_ERROR_NONE && a == HEAD_ERROR_HEAD_TOO_LARGE);
}

static void compare_cut(const struct transcript *how, const struct transcript *whole,
                        const char *bytes, size_t n, const size_t *cuts, size_t nr_cuts)
{
    struct transcript cut = *how;

    cut.on_message = NULL;
    transcript_read(&cut, bytes, n, cuts, nr_cuts);
    FUZZ_CHECK(is_same_error(cut.error, whole->error));
    FUZZ_CHECK(cut.text.n == whole->text.n);
    FUZZ_CHECK(memcmp(cut.text.p, whole->text.p, cut.text.n) == 0);
    FUZZ_CHECK(cut.error != HEAD_ERROR_NONE || cut.consumed == whole->consumed);
    transcript_fini(&cut);
}

static void compare_all(const struct transcript *how, const char *bytes, size_t n, uint64_t seed)
{
    enum { CUTS_MAX = 64, SINGLE_MAX = 1024 };
    static size_t cuts[SINGLE_MAX];
    struct transcript whole = *how;
    struct prng rng;

    transcript_read(&whole, bytes, n, NULL, 0);
    prng_seed(&rng, seed);
    for (size_t i = 0; i < SINGLE_MAX; i++)
        cuts[i] = 1;
    compare_cut(how, &whole, bytes, n, cuts, SINGLE_MAX);
    for (int round = 0; n > 1 && round < 3; round++) {
        cuts[0] = 1 + prng_below(&rng, (uint32_t)n - 1);
        compare_cut(how, &whole, bytes, n, cuts, 1);
    }
    for (size_t i = 0; i < CUTS_MAX; i++)
        cuts[i] = 1 + prng_below(&rng, 1 + (uint32_t)n / 8);
    compare_cut(how, &whole, bytes, n, cuts, CUTS_MAX);
    transcript_fini(&whole);
}

/* A line that breaks off may be refused at once or when it ends, whatever cut it: so every input
 * ends its line. */
void transcript_compare(const struct transcript *how, const char *bytes, size_t n, uint64_t seed)
{
    static const char end[] = {'\r', '\n', '\r', '\n'};
    struct transcript_text text = {0};

    transcript_put(&text, bytes, n);
    transcript_put(&text, end, sizeof(end));
    compare_all(how, text.p, text.n, seed);
    free(text.p);
}

/* Frame after frame, part after part. */
#include "proxy/http/eventreader.h"

#include <string.h>

#include "base/crc32.h"
#include "proxy/http/eventstream.h"

enum part { PRELUDE, HEADERS, PAYLOAD, CHECKSUM, OVER };
enum kind { OTHER, CHUNK, LAST };
enum { CHECKED_BYTES = 8, STRING = 7 };

void eventreader_fini(struct eventreader *reader)
{
    buffer_fini(&reader->last);
}

static uint32_t number_at(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

/* Takes what is missing of n bytes at room. Are they complete? */
static bool fill(struct eventreader *reader, char *room, uint32_t n, struct str *bytes)
{
    size_t take = n - reader->nr < bytes->n ? n - reader->nr : bytes->n;

    if (take > 0)
        memcpy(room + reader->nr, bytes->p, take);
    reader->nr += (uint32_t)take;
    bytes->p += take;
    bytes->n -= take;
    return reader->nr == n;
}

static void go_to(struct eventreader *reader, enum part part)
{
    reader->part = (uint8_t)part;
    reader->nr = 0;
}

static bool read_prelude(struct eventreader *reader)
{
    const char *p = reader->prelude;
    const struct str checked = {p, CHECKED_BYTES};
    uint32_t all = number_at(p), headers = number_at(p + 4), rest;

    if (number_at(p + CHECKED_BYTES) != crc32_add(0, checked) ||
        headers > EVENTREADER_HEADERS_MAX ||
        all < EVENTREADER_PRELUDE + headers + EVENTSTREAM_BEHIND)
        return false;
    rest = all - EVENTREADER_PRELUDE - headers - EVENTSTREAM_BEHIND;
    reader->nr_headers = headers;
    reader->nr_payload = rest;
    reader->crc = crc32_add(0, (struct str){p, EVENTREADER_PRELUDE});
    return true;
}

static void take_header(struct eventreader *reader, struct str name, struct str value)
{
    if (str_eq(name, STR(":message-type"))) {
        reader->is_exception = !str_eq(value, STR("event"));
        if (reader->is_exception)
            reader->kind = LAST;
    } else if (str_eq(name, STR(":event-type")) && !reader->is_exception) {
        reader->kind = str_eq(value, STR("PayloadChunk"))     ? CHUNK
                       : str_eq(value, STR("InvokeComplete")) ? LAST
                                                              : OTHER;
    }
}

/* All are strings. */
static bool read_headers(struct eventreader *reader)
{
    const char *p = reader->headers, *end = p + reader->nr_headers;

    reader->kind = OTHER;
    reader->is_exception = false;
    while (p < end) {
        struct str name = {p + 1, (unsigned char)*p}, value;

        p = name.p + name.n;
        if (end - p < 3 || *p != STRING)
            return false;
        value = (struct str){p + 3, (size_t)((unsigned char)p[1] << 8 | (unsigned char)p[2])};
        if ((size_t)(end - value.p) < value.n)
            return false;
        p = value.p + value.n;
        take_header(reader, name, value);
    }
    reader->crc = crc32_add(reader->crc, (struct str){reader->headers, reader->nr_headers});
    return true;
}

/* The next bytes of a payload. */
static struct str take_payload(struct eventreader *reader, struct str *bytes)
{
    size_t left = reader->nr_payload - reader->nr;
    struct str piece = {bytes->p, left < bytes->n ? left : bytes->n};

    reader->crc = crc32_add(reader->crc, piece);
    reader->nr += (uint32_t)piece.n;
    bytes->p += piece.n;
    bytes->n -= piece.n;
    if (reader->kind == LAST && reader->last.n + piece.n <= EVENTREADER_LAST_MAX)
        buffer_add(&reader->last, piece);
    return piece;
}

static enum eventreader_found fail(struct eventreader *reader)
{
    go_to(reader, OVER);
    return EVENTREADER_BROKEN;
}

/* A part that is complete ends here. EVENTREADER_MORE: go on with the next one. */
static enum eventreader_found end_part(struct eventreader *reader)
{
    switch ((enum part)reader->part) {
    case PRELUDE:
        if (!read_prelude(reader))
            return fail(reader);
        go_to(reader, HEADERS);
        break;
    case HEADERS:
        if (!read_headers(reader))
            return fail(reader);
        go_to(reader, PAYLOAD);
        break;
    case PAYLOAD:
        go_to(reader, CHECKSUM);
        break;
    case CHECKSUM:
        if (number_at(reader->checksum) != reader->crc)
            return fail(reader);
        go_to(reader, reader->kind == LAST ? OVER : PRELUDE);
        if (reader->kind == LAST)
            return EVENTREADER_END;
        break;
    case OVER:
        break;
    }
    return EVENTREADER_MORE;
}

enum eventreader_found eventreader_next(struct eventreader *reader, struct str *bytes,
                                        struct str *piece)
{
    enum eventreader_found found = EVENTREADER_MORE;

    *piece = (struct str){bytes->p, 0};
    while (found == EVENTREADER_MORE && piece->n == 0) {
        bool is_whole = false;

        switch ((enum part)reader->part) {
        case PRELUDE:
            is_whole = fill(reader, reader->prelude, EVENTREADER_PRELUDE, bytes);
            break;
        case HEADERS:
            is_whole = fill(reader, reader->headers, reader->nr_headers, bytes);
            break;
        case PAYLOAD:
            *piece = take_payload(reader, bytes);
            if (reader->kind != CHUNK)
                piece->n = 0;
            is_whole = reader->nr == reader->nr_payload;
            break;
        case CHECKSUM:
            is_whole = fill(reader, reader->checksum, EVENTSTREAM_BEHIND, bytes);
            break;
        case OVER: /* what follows the last frame is nobody's */
            bytes->p += bytes->n;
            bytes->n = 0;
            break;
        }
        if (!is_whole && piece->n == 0)
            return EVENTREADER_MORE;
        if (is_whole)
            found = end_part(reader);
    }
    return found == EVENTREADER_MORE ? EVENTREADER_PIECE : found;
}

/* Reading event streams (eventstream.h has their frames), as an endpoint of kind lambda sends them.
 * Payloads are passed on as they come: a chunk may be longer than any memory for it. A checksum is
 * therefore known to be wrong only behind the bytes that it is of. Pure; its memory is bounded. */
#ifndef WEIR_PROXY_HTTP_EVENTREADER_H
#define WEIR_PROXY_HTTP_EVENTREADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/str.h"

enum {
    EVENTREADER_PRELUDE = 12,
    EVENTREADER_HEADERS_MAX = 1024, /* of a frame; over it the stream is broken */
    EVENTREADER_LAST_MAX = 65536    /* of the last payload; more of it is not kept */
};

enum eventreader_found {
    EVENTREADER_MORE,  /* all bytes are read, and nothing else is to be told */
    EVENTREADER_PIECE, /* bytes of the response */
    EVENTREADER_END,   /* the last frame: last is its payload */
    EVENTREADER_BROKEN /* no event stream, or a damaged one: nothing more can be read */
};

/* Zero: nothing has been read. */
struct eventreader {
    char prelude[EVENTREADER_PRELUDE], headers[EVENTREADER_HEADERS_MAX], checksum[4];
    uint32_t nr_headers, nr_payload; /* bytes, of this frame */
    uint32_t nr;                     /* bytes of this part of it that have come */
    uint32_t crc;
    uint8_t part;      /* enum part, in eventreader.c */
    uint8_t kind;      /* enum kind, likewise */
    bool is_exception; /* the last frame tells of an error that is no function's */
    struct buffer last;
};

void eventreader_fini(struct eventreader *reader);

/* Reads on; *bytes becomes what is left. Call it until it answers EVENTREADER_MORE, _END or
 * _BROKEN. piece points into *bytes, and may be empty but for EVENTREADER_PIECE. */
enum eventreader_found eventreader_next(struct eventreader *reader, struct str *bytes,
                                        struct str *piece) __attribute__((warn_unused_result));

#endif

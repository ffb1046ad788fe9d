/* Frames of application/vnd.amazon.eventstream, in which Lambda answers InvokeWithResponseStream:
 *
 *     4 bytes  length of the whole frame       (all numbers big endian)
 *     4 bytes  length of the headers
 *     4 bytes  CRC-32 of the 8 bytes before
 *     headers  name length, name, 7 (a string), value length in 2 bytes, value
 *     payload
 *     4 bytes  CRC-32 of all before
 *
 * The payload is the caller's, so that it need not be copied. Pure. */
#ifndef WEIR_PROXY_HTTP_EVENTSTREAM_H
#define WEIR_PROXY_HTTP_EVENTSTREAM_H

#include <stdint.h>

#include "base/str.h"

enum {
    EVENTSTREAM_BEFORE_MAX = 128, /* what stands before the payload */
    EVENTSTREAM_BEHIND = 4,       /* and behind it */
    EVENTSTREAM_PAYLOAD_MAX = 16 * 1024 * 1024
};

#define EVENTSTREAM_TYPE "application/vnd.amazon.eventstream"

enum eventstream_event {
    EVENTSTREAM_CHUNK,   /* PayloadChunk: bytes of the response */
    EVENTSTREAM_COMPLETE /* InvokeComplete: JSON, the last frame */
};

/* Writes what stands before a payload at p, and the payload's checksum behind it, as it is to stand
 * there, into behind. Returns the end. */
char *eventstream_frame(char *p, enum eventstream_event event, struct str payload,
                        char behind[EVENTSTREAM_BEHIND]);

#endif

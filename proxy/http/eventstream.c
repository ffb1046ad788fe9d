/* Writing frames of event streams. */
#include "proxy/http/eventstream.h"

#include <assert.h>

#include "base/crc32.h"
#include "base/text.h"

enum { PRELUDE = 12, STRING = 7 };

static char *put_32(char *p, uint32_t n)
{
    *p++ = (char)(n >> 24);
    *p++ = (char)(n >> 16);
    *p++ = (char)(n >> 8);
    *p++ = (char)n;
    return p;
}

static char *put_header(char *p, struct str name, struct str value)
{
    p = text_char(p, (char)name.n);
    p = text_str(p, name);
    p = text_char(p, STRING);
    p = text_char(p, (char)(value.n >> 8));
    p = text_char(p, (char)value.n);
    return text_str(p, value);
}

char *eventstream_frame(char *p, enum eventstream_event event, struct str payload,
                        char behind[EVENTSTREAM_BEHIND])
{
    bool is_chunk = event == EVENTSTREAM_CHUNK;
    char *start = p, *end = p + PRELUDE;
    uint32_t crc;

    assert(payload.n <= EVENTSTREAM_PAYLOAD_MAX);
    end =
        put_header(end, STR(":event-type"), is_chunk ? STR("PayloadChunk") : STR("InvokeComplete"));
    end = put_header(end, STR(":content-type"),
                     is_chunk ? STR("application/octet-stream") : STR("application/json"));
    end = put_header(end, STR(":message-type"), STR("event"));
    p = put_32(p, (uint32_t)((size_t)(end - start) + payload.n + EVENTSTREAM_BEHIND));
    p = put_32(p, (uint32_t)(end - start - PRELUDE));
    put_32(p, crc32_add(0, (struct str){start, 8}));
    crc = crc32_add(0, (struct str){start, (size_t)(end - start)});
    put_32(behind, crc32_add(crc, payload));
    return end;
}

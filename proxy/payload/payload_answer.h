/* What a function answers to an event of payload format 2.0, as a response: status, fields, body.
 * Pure; any thread. */
#ifndef WEIR_PROXY_PAYLOAD_PAYLOAD_ANSWER_H
#define WEIR_PROXY_PAYLOAD_PAYLOAD_ANSWER_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/str.h"

/* PAYLOAD_PRELUDE_END_BYTES zero bytes stand between the prelude of a streamed answer and its
 * body; the prelude has PAYLOAD_PRELUDE_MAX bytes at most. */
enum { PAYLOAD_PRELUDE_END_BYTES = 8, PAYLOAD_PRELUDE_MAX = 16384 };

struct payload_answer {
    int status; /* 200 to 599 */
    /* Field lines, "name: value\r\n" each: names and values are ones that HTTP allows. No framing,
     * nothing that concerns one connection. There is a content type unless the status forbids a
     * body. */
    struct buffer fields;
    struct str body; /* in own, or in the payload that was read */
    struct buffer own;
    const char *why; /* what is wrong with it: one sentence; NULL: nothing */
};

/* Reads a function's whole answer:
 *
 *     an object with statusCode: status, headers, multiValueHeaders, cookies, body, isBase64Encoded
 *     a string: its text, with 200
 *     anything else: the payload as it is, with 200
 *
 * and what a function streams, all at once: prelude, zero bytes, body. 0, or -EBADMSG with why set
 * where it breaks a rule, or -ENOMEM. payload_answer_fini ends it in any case; the payload must
 * last until then. */
int payload_answer_read(struct payload_answer *answer, struct str payload)
    __attribute__((warn_unused_result));

/* The same for the prelude of a streamed answer alone: an object with any of statusCode, headers,
 * multiValueHeaders and cookies. */
int payload_answer_read_prelude(struct payload_answer *answer, struct str prelude)
    __attribute__((warn_unused_result));

void payload_answer_fini(struct payload_answer *answer);

/* Does the last frame of an event stream, InvokeComplete, tell of an error? */
bool payload_answer_is_failure(struct str complete);

/* Where the prelude ends: the number of bytes before the zero bytes, or -1 where they are not
 * among these. */
ptrdiff_t payload_answer_find_body(struct str bytes);

#endif

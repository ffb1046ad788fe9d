/* A dead letter: the record of an event that was given up, as Lambda sends it to a destination on
 * failure. Pure.
 *
 *     {"version": "1.0", "timestamp": "2026-01-02T03:04:05.678Z",
 *      "requestContext": {"requestId", "functionArn", "condition", "approximateInvokeCount"},
 *      "requestPayload": the payload,
 *      "responseContext": {"statusCode", "executedVersion", "functionError"},
 *      "responsePayload": what the last attempt was answered}
 *
 * Where there was no attempt the last two are left out. A payload that is no JSON is a string, or,
 * if it is no text either, an object {"base64": "..."}. */
#ifndef WEIR_PROXY_ASYNC_LETTER_H
#define WEIR_PROXY_ASYNC_LETTER_H

#include "base/buffer.h"
#include "proxy/async/event.h"
#include "router/arn.h"

/* Writes the record of the event into out, which is empty; out->is_out: there was no memory. now_ms
 * since 1970. */
void letter_write(struct buffer *out, const struct event *event, const char *condition,
                  const struct arn_home *home, uint64_t now_ms);

#endif

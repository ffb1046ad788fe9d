/* A plain second reading of HTTP/1 messages, to hold proxy/http1 against. It reads messages that were accepted only, so it may be simple: it knows
 * RFC 9112 in its strict form and nothing of what else a sender might have meant. Where it disagrees the process ends. */
#ifndef WEIR_TESTS_FUZZ_WIRE_MODEL_H
#define WEIR_TESTS_FUZZ_WIRE_MODEL_H

#include <stdbool.h>

#include "proxy/http/http1.h"

struct transcript_message;

/* An accepted head: lines, fields, and the framing that they mean. */
void wire_model_check_head(const struct head *head, bool is_response);

/* A body that was read to its end: the same bytes again, from the message as it came. */
void wire_model_check_body(const struct http1 *parser, const struct transcript_message *message);

#endif

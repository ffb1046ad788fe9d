/* What a function answers to the event of its URL, as a response to its client: status, fields and
 * body stand in the answer (proxy/payload/payload_answer.h). Worker thread.
 *
 * An answer is gathered, and then read. Where the URL's invoke mode is RESPONSE_STREAM and the
 * endpoint streams, it is passed on as it comes: a prelude with status and fields, zero bytes, the
 * body. */
#ifndef WEIR_PROXY_EXCHANGE_URLANSWER_H
#define WEIR_PROXY_EXCHANGE_URLANSWER_H

#include "proxy/exchange/exchange.h"

/* For exchanges whose furl->is_event. */
extern const struct exchange_filter urlanswer_filter;

#endif

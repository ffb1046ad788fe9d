/* How a request becomes an event: what an exchange asks of the room that keeps events
 * (proxy/async/), which is above it. Worker thread.
 *
 *     head --> describe --> the payload is gathered --> the version is drawn --> put
 *                                                                  (durable) --> exchange_accepted
 */
#ifndef WEIR_PROXY_EXCHANGE_ACCEPTING_H
#define WEIR_PROXY_EXCHANGE_ACCEPTING_H

#include <stdbool.h>

#include "base/str.h"
#include "proxy/http/head.h"

struct exchange;

/* An event that its client waits for. */
struct acceptance {
    struct exchange *ex; /* cleared by the exchange when it ends before the event is durable */
};

/* One per worker. */
struct acceptor {
    /* What of the head stays with the event, as text that the exchange frees; NULL when out of
     * memory. */
    char *(*describe)(const struct exchange *ex, const struct head *head);
    /* Takes the event whose version ex->arm is, described by ex->event, and sets ex->acceptance:
     * exchange_accepted follows, not from within. The payload is copied. NULL, or why it was not
     * taken. */
    const char *(*put)(struct acceptor *acceptor, struct exchange *ex, struct str payload);
};

#endif

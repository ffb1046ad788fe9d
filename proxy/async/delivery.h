/* One attempt to run an event: an exchange that no client waits for. Worker thread. */
#ifndef WEIR_PROXY_ASYNC_DELIVERY_H
#define WEIR_PROXY_ASYNC_DELIVERY_H

#include <stdbool.h>
#include <sys/queue.h>

#include "proxy/async/event.h"
#include "proxy/exchange/exchange.h"

struct delivery {
    struct exchange ex;
    struct exchange_order order;
    LIST_ENTRY(delivery) link;
    struct event *event; /* owned until over */
    struct tuning *tuning;
    struct delivery_owner *owner;
    size_t fed; /* of the payload */
    bool is_paused, is_fed;
    bool has_failed;             /* the response names a function error */
    bool is_own;                 /* weir answered itself: nothing ran, or nobody knows */
    char error[EVENT_ERROR_MAX]; /* which */
    char *body;                  /* of a response that is an error; EVENT_BODY_MAX */
    size_t body_bytes, body_all;
};

LIST_HEAD(deliveries, delivery);

/* Who lets deliveries run. */
struct delivery_owner {
    struct worker *worker;
    struct deliveries list;
    uint32_t nr;
    /* The attempt has ended: event->last and event->past say how, but for the counts. The owner of
     * the event from then on. */
    void (*over)(struct delivery_owner *owner, struct event *event, enum verdict_attempt attempt);
    /* delivery_feed is to be called in another turn. */
    void (*resumed)(struct delivery_owner *owner);
};

/* Makes the attempt, and takes the event over. over may be called from within. */
void delivery_begin_take(struct delivery_owner *owner, struct event *event);

/* Goes on with all payloads that wait no longer. */
void delivery_feed(struct delivery_owner *owner);

/* Ends all attempts; their events are freed, and remain in the store as they were. */
void delivery_abort_all(struct delivery_owner *owner);

#endif

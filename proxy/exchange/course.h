/* An exchange from the moment on that its version is known: a connection, the request on it, the
 * response back, retries, and every way in which it ends. exchange.c begins exchanges and is what
 * others call. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_COURSE_H
#define WEIR_PROXY_EXCHANGE_COURSE_H

#include "proxy/exchange/exchange.h"
#include "proxy/exchange/failure.h"

/* What a connection tells an exchange, which it passes on to the front: as it comes; to an Invoke;
 * through ex->filter. */
extern const struct upstream_events course_events, course_invoke_events, course_filtered_events;
/* What a pool tells it while it waits. */
extern const struct pool_waiter_events course_waiter_events;

/* The one place where a state changes. From REQUESTING on a connection is there; while one is on
 * its way the exchange is WAITING. */
void course_goto(struct exchange *ex, enum exchange_state state);

/* At this endpoint, with all the time that it has. */
void course_take_place(struct exchange *ex, const struct place *place);

/* Asks for a connection, and again while that is refused at once. The exchange is REQUESTING then
 * with one that was kept, or WAITING to be told what it comes to, or OVER. */
void course_acquire(struct exchange *ex);

/* weir's own answer where the client has none yet. The exchange is over. */
void course_answer(struct exchange *ex, int status, const char *type, const char *message,
                   struct str outcome);

/* It comes to nothing: the client is told so, or its response is cut. The exchange is over. */
void course_give_up(struct exchange *ex, enum metrics_error why);

/* The client's request is at fault: it is told so in these words, or its response is cut. The
 * exchange is over. */
void course_refuse(struct exchange *ex, enum metrics_error why, struct failure failure);

/* The end of every exchange: account, then let go of everything. A connection that may carry others
 * has gone back to its pool before; one that is still here is closed, whatever it was about. */
void course_finish(struct exchange *ex, struct str outcome);

/* Bytes of a tunnel from the client; its end. */
void course_tunnel_bytes(struct exchange *ex, struct str bytes);
void course_tunnel_end(struct exchange *ex);

#endif

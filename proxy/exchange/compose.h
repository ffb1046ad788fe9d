/* The request of an exchange whose version is known: its fields as the version wants them, its
 * gathered payload behind its head. Below exchange.c. Worker thread. */
#ifndef WEIR_PROXY_EXCHANGE_COMPOSE_H
#define WEIR_PROXY_EXCHANGE_COMPOSE_H

#include "proxy/exchange/exchange.h"

/* The same request for another endpoint of the version. 0, or -ENOMEM. */
int compose_retarget(struct exchange *ex, const struct endpoint *endpoint)
    __attribute__((warn_unused_result));

/* Makes ex->request for the endpoint, which is one of ex->run's version. Fields that must not go
 * there are dropped from the head. 0, or -ENOMEM, and then the request has an id alone. */
int compose_request(struct exchange *ex, struct head *head, const struct endpoint *endpoint,
                    struct request_options *options) __attribute__((warn_unused_result));

#endif

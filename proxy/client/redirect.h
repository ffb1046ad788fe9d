/* A listener that only sends people to https (redirect_to_https). Worker thread. */
#ifndef WEIR_PROXY_CLIENT_REDIRECT_H
#define WEIR_PROXY_CLIENT_REDIRECT_H

#include "proxy/client/client.h"

/* Answers a request whose head has been read with 308 and its address under https; with 400 or 414 where it has none that could be written.
 * The request is over then (client_next). */
void redirect_answer(struct client *c, const struct http1_head *head);

#endif

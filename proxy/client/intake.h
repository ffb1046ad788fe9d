/* Reading the requests of a client connection, and handing each to an exchange. Worker thread. */
#ifndef WEIR_PROXY_CLIENT_INTAKE_H
#define WEIR_PROXY_CLIENT_INTAKE_H

#include "proxy/client/conn.h"

/* Whether bytes of the client can be used now. */
bool intake_wants(const struct client *c);

/* Uses bytes that it wants; those behind a request are left over. */
void intake_take(struct client *c, const char *data, size_t n);

/* Answers instead of reading a request, and ends the connection. */
void intake_refuse(struct client *c, int status, const char *type, const char *message,
                   enum metrics_rejection why);

/* Part of a head, or of a body, has come, and its time is over. */
void intake_refuse_late_head(struct client *c);
void intake_refuse_late_body(struct client *c);

/* The client has ended its sending side in the middle of a body. */
void intake_refuse_half_body(struct client *c);

#endif

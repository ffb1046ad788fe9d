/* The admin listener: a small HTTP/1.1 server on the control thread's loop in front of
 * control/api.h. Never reachable through a data listener. */
#ifndef WEIR_PROXY_ADMIN_ADMIN_H
#define WEIR_PROXY_ADMIN_ADMIN_H

#include "control/api.h"
#include "proxy/admin/admin_conn.h"
#include "proxy/io/loop.h"

struct admin;
struct handover;
struct shared;

/* Listens on fd (non-blocking, already listening; owned from now on) and answers through hooks,
 * which must outlive it, as must shared, whose settings and certificates say whether it speaks TLS.
 * NULL when out of memory (fd is then closed). */
struct admin *admin_open(struct loop *loop, int fd, const struct api_hooks *hooks,
                         struct shared *shared, struct admin_invokes invokes);

/* Takes a connection back, between two requests; what was read of the next one comes with it. Where
 * that cannot be it is closed. Clears the pointer. */
void admin_adopt_take(struct admin *admin, struct handover **handover);

/* Closes the listener and all connections; what they use is freed by the loop. Clears the
 * pointer. */
void admin_close(struct admin **admin);

#endif

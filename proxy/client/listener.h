/* Listening sockets: opening them (control thread, at start) and accepting from them (workers). */
#ifndef WEIR_PROXY_CLIENT_LISTENER_H
#define WEIR_PROXY_CLIENT_LISTENER_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "proxy/worker/worker.h"

/* Resolves HOST:PORT, [IPv6]:PORT or :PORT (all addresses), opens nr non-blocking sockets that listen there with SO_REUSEPORT, after making sure that
 * nobody else does. Port 0 takes a free one, the same for all. 0 or -1 with a line in the log. name receives the address in use. */
int listener_open(const char *address, int *fds, int nr, char *name, size_t name_room) __attribute__((warn_unused_result));

/* Registers the worker's socket and accepts from now on. 0 or a negative errno. */
int listener_start(struct listener *l, struct worker *w, int fd, int index) __attribute__((warn_unused_result));

/* Takes over what the settings say of redirects and HSTS; whether it speaks TLS never changes. */
void listener_take_settings(struct listener *l, const struct settings *settings);

/* It has rested: accepts again. */
void listener_on_deadline(struct listener *l);

/* Takes what still waits in the kernel's queue, then closes. */
void listener_stop(struct listener *l);

#endif

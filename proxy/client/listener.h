/* Accepting from listening sockets: the workers. io/bind.h opens them. */
#ifndef WEIR_PROXY_CLIENT_LISTENER_H
#define WEIR_PROXY_CLIENT_LISTENER_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "proxy/worker/worker.h"

/* Registers the worker's socket and accepts from now on. 0 or a negative errno. */
int listener_start(struct listener *l, struct worker *w, int fd, int index) __attribute__((warn_unused_result));

/* Takes over what the settings say of redirects and HSTS; whether it speaks TLS never changes. */
void listener_take_settings(struct listener *l, const struct settings *settings);

/* Takes what still waits in the kernel's queue, then closes. */
void listener_stop(struct listener *l);

#endif

/* A listening socket on a loop: a uv_poll_t, because its events are few and level-triggered,
 * while the connections that it accepts go to the loop's set by themselves (io_open). A uv_tcp_t
 * would accept too, but it owns the sockets that it makes. All on the loop's own thread. */
#ifndef WEIR_PROXY_IO_ACCEPTOR_H
#define WEIR_PROXY_IO_ACCEPTOR_H

#include "proxy/io/loop.h"

struct acceptor;

/* There are connections to accept from fd: accept until EAGAIN, or some; the rest makes another
 * call. It may close the acceptor. */
typedef void acceptor_ready(void *owner, int fd);

/* Watches fd (non-blocking, listening), which the acceptor owns from now on. NULL when out of
 * memory or descriptors; fd is then closed. */
struct acceptor *acceptor_open(struct loop *loop, int fd, acceptor_ready *on_ready, void *owner);

int acceptor_fd(const struct acceptor *a);

/* Looks away: what comes waits in the kernel until it looks again. */
void acceptor_rest(struct acceptor *a);
void acceptor_resume(struct acceptor *a);

/* Closes the socket and clears the pointer; NULL is fine. The loop frees the memory. */
void acceptor_close(struct acceptor **acceptor);

#endif

/* Opening listening sockets. Control thread, at the start. */
#ifndef WEIR_PROXY_IO_BIND_H
#define WEIR_PROXY_IO_BIND_H

#include <stddef.h>

/* Resolves HOST:PORT, [IPv6]:PORT or :PORT (all addresses), opens nr non-blocking sockets that
 * listen there with SO_REUSEPORT, after making sure that nobody else does. Port 0 takes a free one,
 * the same for all. 0 or -1 with a line in the log. name receives the address in use. */
int bind_open(const char *address, int *fds, int nr, char *name, size_t name_room)
    __attribute__((warn_unused_result));

#endif

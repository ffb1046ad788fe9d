/* Opening listening sockets. Control thread, at the start. */
#ifndef WEIR_PROXY_IO_BIND_H
#define WEIR_PROXY_IO_BIND_H

#include <stdbool.h>
#include <stddef.h>

/* Opens nr non-blocking sockets that listen on an address with SO_REUSEPORT, after making sure that
 * nobody else does. address: HOST:PORT, [IPv6]:PORT or :PORT (all addresses of both families); a
 * host name stands for its first address, port 0 for a free one, the same for all. leaves_ipv4:
 * [::]:PORT is to take IPv6 alone (settings_leaves_ipv4). 0 or -1 with a line in the log. name
 * receives the address in use. */
int bind_open(const char *address, bool leaves_ipv4, int *fds, int nr, char *name, size_t name_room)
    __attribute__((warn_unused_result));

#endif

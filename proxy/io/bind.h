/* Opening listening sockets. Control thread, at the start. */
#ifndef WEIR_PROXY_IO_BIND_H
#define WEIR_PROXY_IO_BIND_H

#include <stdbool.h>
#include <stddef.h>

enum { BIND_NAME = 80, BIND_WHY = 320 };

enum bind_verdict {
    BIND_FREE,
    BIND_SHARED, /* taken by sockets of this user that share it, as those of another weir do */
    BIND_REFUSED /* taken, or no address of this machine, or not allowed */
};

/* Would bind_open succeed? Nothing is opened for longer than the look takes, and no connection can
 * come in meanwhile. waits: as bind_open does for a weir that has just been told to end. name
 * receives the address as it is resolved, or "". Where the verdict is BIND_REFUSED, why receives a
 * sentence that begins with the address; option: of the command line, for the advice in it. */
enum bind_verdict bind_look(const char *address, bool leaves_ipv4, bool waits, const char *option,
                            char name[BIND_NAME], char why[BIND_WHY]);

/* Opens nr non-blocking sockets that listen on an address with SO_REUSEPORT, after making sure that
 * nobody else does. address: HOST:PORT, [IPv6]:PORT or :PORT (all addresses of both families); a
 * host name stands for its first address, port 0 for a free one, the same for all. leaves_ipv4:
 * [::]:PORT is to take IPv6 alone (settings_leaves_ipv4). 0 or -1 with a line in the log. name
 * receives the address in use. */
int bind_open(const char *address, bool leaves_ipv4, int *fds, int nr, char *name, size_t name_room)
    __attribute__((warn_unused_result));

#endif

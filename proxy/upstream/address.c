/* Text to socket addresses, and connecting to them. */
#include "proxy/upstream/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/io/io.h"

void address_of(union address *address, const struct origin *origin)
{
    int r;

    assert(origin->address);
    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, origin->address, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(origin->port);
        return;
    }
    r = inet_pton(AF_INET6, origin->address, &address->v6.sin6_addr);
    assert(r == 1); /* the documents' grammar, and DNS, know no other form */
    (void)r;
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons(origin->port);
}

int address_connect(const union address *address)
{
    socklen_t len = address->any.sa_family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;

    if (fd < 0)
        return -errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    io_keep_alive(fd);
    if (connect(fd, &address->any, len) < 0 && errno != EINPROGRESS) {
        int r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

/* The address of an origin, and connections to it. Pure but for the socket that is made. */
#ifndef WEIR_PROXY_UPSTREAM_ADDRESS_H
#define WEIR_PROXY_UPSTREAM_ADDRESS_H

#include <netinet/in.h>

#include "router/origin.h"

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Of an origin that has an address. */
void address_of(union address *address, const struct origin *origin);

/* Begins to connect: a non-blocking socket, to be watched for writing; or a negative errno. */
int address_connect(const union address *address) __attribute__((warn_unused_result));

#endif

/* Where a listener that only sends people to https (redirect_to_https) sends them. Pure. */
#ifndef WEIR_PROXY_CLIENT_REDIRECT_H
#define WEIR_PROXY_CLIENT_REDIRECT_H

#include "proxy/http/head.h"

enum redirect_result {
    REDIRECT_WRITTEN,
    REDIRECT_NO_ADDRESS, /* the request has no Host, or no path (OPTIONS *) */
    REDIRECT_TOO_LONG    /* for the room */
};

/* Writes the request's address under https at out, which has room for that many bytes, and ends
 * it with a zero byte. Port 443 is not written. */
enum redirect_result redirect_location(char *out, size_t room, const struct head *head,
                                       uint16_t port) __attribute__((warn_unused_result));

#endif

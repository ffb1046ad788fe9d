/* Redirects: the same host, path and query with https. */
#include "proxy/client/redirect.h"

#include <stdio.h>

#include "proxy/http/authority.h"

enum redirect_result redirect_location(char *out, size_t room, const struct head *head,
                                       uint16_t port)
{
    struct str host = head->host >= 0 ? head_value(head, &head->fields[head->host]) : STR("");
    struct str path = head->path_len > 0 ? head_path(head) : STR("/");
    char port_text[8] = "";

    if (host.n == 0 || path.p[0] != '/')
        return REDIRECT_NO_ADDRESS;
    host = authority_host(host);
    if (port != 443)
        snprintf(port_text, sizeof(port_text), ":%u", port);
    int n = snprintf(out, room, "https://%.*s%s%.*s%s%.*s", STR_ARG(host), port_text, STR_ARG(path),
                     head->has_query ? "?" : "", STR_ARG(head_query(head)));
    return n < 0 || (size_t)n >= room ? REDIRECT_TOO_LONG : REDIRECT_WRITTEN;
}

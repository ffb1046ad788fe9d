/* Redirects: the same host, path and query with https. */
#include "proxy/client/redirect.h"

#include <stdio.h>

#include "proxy/client/respond.h"
#include "proxy/exchange/account.h"
#include "proxy/http/authority.h"

void redirect_answer(struct client *c, const struct http1_head *head)
{
    char location[REPLY_LOCATION_MAX + 1], id[ID_LENGTH];
    struct str host = head->host >= 0 ? http1_value(head, &head->fields[head->host]) : STR("");
    struct request_caller from = client_from(c);
    struct str path = head->path_len > 0 ? http1_at(head, head->path_at, head->path_len) : STR("/");

    if (host.n == 0 || path.p[0] != '/') {
        client_refuse(c, 400, "BadRequestException",
                      "A request without Host or without a path can't be sent to https.",
                      METRICS_REJECTION_BAD_REQUEST);
        return;
    }
    host = authority_host(host);
    char port[8] = "";
    if (c->listener->redirect_port != 443)
        snprintf(port, sizeof(port), ":%u", c->listener->redirect_port);
    int n = snprintf(location, sizeof(location), "https://%.*s%s%.*s%s%.*s", STR_ARG(host), port,
                     STR_ARG(path), head->has_query ? "?" : "", STR_ARG(http1_query(head)));
    if (n < 0 || (size_t)n >= sizeof(location)) {
        client_refuse(c, 414, "BadRequestException", "The address is too long to be redirected.",
                      METRICS_REJECTION_URI_TOO_LONG);
        return;
    }
    struct reply reply = {.status = 308,
                          .message = "Use https.",
                          .request_id = id,
                          .location = location,
                          .hsts_line = "",
                          .is_head = head->is_head,
                          .is_http10 = head->minor == 0};
    reply.is_close = c->is_last || !c->is_body_read;
    id_make(&c->worker->rng, id);
    account_unread(c->worker, &from, id, 308, respond_own(c, &reply), METRICS_REJECTION_REDIRECTED);
    client_next(c);
}

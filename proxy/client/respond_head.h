/* The response's head as it goes to the client: written anew from what was parsed. Status, the
 * endpoint's fields less hop-by-hop ones (exchange/rules.h), executed version, request id, Date
 * if missing, framing. Worker thread. */
#ifndef WEIR_PROXY_CLIENT_RESPOND_HEAD_H
#define WEIR_PROXY_CLIENT_RESPOND_HEAD_H

#include <stdint.h>

#include "base/id.h"
#include "proxy/http/head.h"
#include "proxy/worker/worker.h"

struct extras;
struct traceid;

/* How the client's connection wants a response written. */
struct respond_head {
    struct str executed_version; /* empty: no header */
    const char *request_id;
    const char *hsts_line;       /* or "" */
    const struct extras *extras; /* NULL: none */
    const struct traceid *trace; /* of an Invoke, or NULL */
    uint8_t minor;               /* the client's */
    bool is_close;               /* say that the connection ends with this response */
    bool is_interim, is_upgrade;
    bool is_chunked;  /* frame it so */
    bool is_remapped; /* an Invoke that is no stream */
    bool has_length;  /* say length */
    uint64_t length;
};

/* An upper bound of what respond_head_write writes. */
size_t respond_head_room(const struct tuning *tuning, const struct head *head,
                         const struct extras *extras);

/* Writes the head at p, which has that much room; returns its end. */
char *respond_head_write(char *p, struct worker *w, const struct tuning *tuning,
                         const struct head *head, const struct respond_head *how);

#endif

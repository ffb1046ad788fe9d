/* Invocations that have to show who asks: on listeners with invoke_authorization, and on
 * connections of the admin listener.
 *
 * A signature covers the body. So the request is held, byte for byte as it comes, until its body is
 * complete and its signature right; then the connection reads it again as if it came just now.
 * Nothing of it has reached an exchange before.
 *
 * Knows nothing of connections: intake.c does with them what is decided here. Worker thread. */
#ifndef WEIR_PROXY_CLIENT_HOLD_H
#define WEIR_PROXY_CLIENT_HOLD_H

#include "conf/settings.h"
#include "control/sigv4.h"
#include "metrics/metrics.h"
#include "proxy/http/http1.h"

struct hold;

enum hold_result {
    HOLD_PASSES, /* it may run */
    HOLD_KEEPS,  /* it is held; more is to come */
    HOLD_REFUSES
};

struct hold_refusal {
    int status;
    enum metrics_rejection why;
    struct sigv4_refusal text;
};

/* Whom the request comes from; the settings must last as long as what is held. */
struct hold_asker {
    const struct settings *settings;
    bool is_admin;        /* on a connection of the admin listener */
    bool has_certificate; /* and with a verified one */
    uint64_t now_s;       /* Unix time */
};

/* A complete head; any but that of an Invoke passes. HOLD_KEEPS: *hold is the caller's, and
 * hold_take gets what follows the head. */
enum hold_result hold_begin(struct hold **hold, const struct hold_asker *asker,
                            const struct head *head, struct hold_refusal *refusal)
    __attribute__((warn_unused_result));

/* The next bytes, through the parser that has read the head. HOLD_PASSES: the request is complete,
 * and *cursor stands behind it. */
enum hold_result hold_take(struct hold *hold, struct http1 *parser, const char **cursor,
                           const char *end, struct hold_refusal *refusal)
    __attribute__((warn_unused_result));

/* Is it to be read again, for it has passed? */
bool hold_has_passed(const struct hold *hold);
/* The next piece of what is read again, until hold_is_over: the head comes whole. */
struct str hold_next(struct hold *hold);
bool hold_is_over(const struct hold *hold);

/* Clears the pointer, which may be NULL. */
void hold_free(struct hold **hold);

#endif

/* A client's connection to the server under test: one request at a time, and the version that
 * each answer names. It connects when it is asked and anew when the server has ended it. HTTP/1.x
 * with bodies of a length, chunked, or up to the end of the connection (RFC 9112 section 6.3).
 *
 *     link_ask --> connecting --> (handshake) --> waiting for the answer --> on_answer or on_failed
 *
 * One thread, on a libuv loop. Hooks are never called from within link_ask. */
#ifndef WEIR_SPLITCHECK_LINK_H
#define WEIR_SPLITCHECK_LINK_H

#include <regex.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/str.h"
#include "splitcheck/asked.h"
#include "splitcheck/secure.h"

/* Of the body this much is looked at for the version. */
enum { LINK_BODY_MAX = 1048576 };

/* What all links of a run have in common; the caller's, and outlives them. */
struct link_rules {
    struct sockaddr_storage address;
    const struct secure_rules *secure; /* NULL: plain HTTP */
    const char *version_header;
    const regex_t *version_body; /* NULL: the header has the version */
    bool once;                   /* a connection for each request */
};

struct link_answer {
    int status;
    bool has_version;
    char version[ASKED_NAME_BYTES];
};

struct link_hooks {
    void (*on_answer)(void *owner, const struct link_answer *answer);
    /* untouched: the server had ended a kept connection before a byte of the answer came, as it may
     * at any time; it has not served the request. */
    void (*on_failed)(void *owner, const char *why, bool untouched);
};

struct link;

/* NULL when out of memory. */
struct link *link_make(uv_loop_t *loop, const struct link_rules *rules,
                       const struct link_hooks *hooks, void *owner);

/* Sends a whole request, head and body, while no other waits for its answer. The bytes stay the
 * caller's until then. NULL, or why it failed at once. */
const char *link_ask(struct link *link, struct str request);

/* Gives up what it is doing, without a hook; the next link_ask connects anew. */
void link_drop(struct link *link);

/* Closes and frees; the loop must go on until the socket is closed. */
void link_free(struct link *link);

#endif

/* One connection of the load generator: dials, shakes hands, sends a ready-made request, checks the
 * answer to it.
 *
 *   CLOSED -> CONNECTING -> (HANDSHAKE) -> FREE -> SENDING -> HEAD -> BODY -> FREE
 *                                                                          -> ENDING -> CLOSED with
 * is_once
 *
 * The callbacks of struct client_rules tell the generator what happened. on_free and on_answer may
 * call client_send; none may call client_open, as a refused connection would come back at once. */
#ifndef WEIR_BENCH_CLIENT_H
#define WEIR_BENCH_CLIENT_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_HEAD_MAX 4096

enum client_state {
    CLIENT_CLOSED,
    CLIENT_CONNECTING,
    CLIENT_HANDSHAKE,
    CLIENT_FREE,
    CLIENT_SENDING,
    CLIENT_HEAD,
    CLIENT_BODY,
    CLIENT_ENDING,
};

struct request {
    char *bytes;
    size_t length;
};

struct client {
    int fd;
    enum client_state state;
    bool was_used;    /* an answer has come over this connection */
    bool is_warm;     /* the generator's: it has had an answer since the start */
    uint32_t watched; /* epoll events */
    SSL *ssl;
    SSL_SESSION *session; /* of the last connection, for the next */

    const struct request *request; /* NULL: none under way */
    size_t sent;
    uint64_t due_ns, sent_ns;

    char *head; /* of an answer that comes in parts */
    size_t head_length;
    uint64_t body_left;
    int head_version, version; /* as named by the header, by the body; 0: not yet */
    struct client *next;       /* the generator's list of free connections */
};

struct client_rules {
    int epoll, port;
    bool is_once;               /* the server is asked to close after each answer */
    SSL_CTX *tls;               /* NULL: plain */
    bool is_resuming;           /* offer the session of the connection before */
    uint64_t answer_bytes;      /* what Content-Length must be */
    const char *version_header; /* "name:", must agree with the body; NULL: not looked at */

    void (*on_free)(struct client *client);
    void (*on_sent)(struct client *client);
    void (*on_answer)(struct client *client); /* state is FREE or ENDING */
    /* The connection is closed; state is CLOSED. why: NULL after ENDING. is_unanswered: a kept
     * connection was closed before the first byte of an answer, so a user agent would send the
     * request again. */
    void (*on_lost)(struct client *client, const char *why, bool is_unanswered);
};

extern struct client_rules client_rules;

void client_open(struct client *client);
void client_send(struct client *client, const struct request *request, uint64_t due_ns);
void client_event(struct client *client, uint32_t events);
void client_use_tls(void); /* fills client_rules.tls */

#endif

/* Accepting from the listening sockets of one worker. io/bind.h opens them. Worker thread, unless
 * a function says otherwise. */
#ifndef WEIR_PROXY_CLIENT_LISTENER_H
#define WEIR_PROXY_CLIENT_LISTENER_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "proxy/io/acceptor.h"
#include "proxy/worker/worker.h"

struct clients;
struct handover;
struct listeners;

/* What Invoke requests have to show (hold.h). */
enum listener_guard {
    LISTENER_OPEN,
    LISTENER_SIGNED, /* a signature */
    LISTENER_ADMIN   /* what the admin listener asks for */
};

/* A listening socket of one worker. */
struct listener {
    struct acceptor *acceptor; /* NULL: stopped */
    struct listeners *all;
    int index; /* in settings */
    bool is_tls, is_redirect;
    bool is_closing; /* takes the last ones */
    uint8_t guard;   /* enum listener_guard */
    uint16_t redirect_port;
    char hsts_line[80]; /* or empty */
    struct deadline
        rest; /* when it accepts again, after descriptors or memory ran out; when it is closed */
};

/* Takes over an accepted, non-blocking socket. 0, or -1 when it was closed for want of memory. */
typedef int listener_accepted(struct listener *listener, int fd,
                              const struct sockaddr_storage *peer);

/* The listening sockets of one worker, in the order of the settings. */
struct listeners {
    struct worker *worker;
    struct clients *clients; /* which on_accept adds to */
    listener_accepted *on_accept;
    struct listener *list;
    int nr;
    struct listener admin[2]; /* of connections that the admin listener hands over: plain, TLS */
    /* Gives a connection of those back; always clears the pointer. NULL: there is no admin
     * listener. */
    void (*hand_back)(void *context, struct handover **handover);
    void *hand_back_context;
    int spare_fd; /* given up to accept and refuse when descriptors run out; -1: none */
    void (*on_closed)(struct listeners *all); /* the last one has closed itself; may be NULL */
};

/* None yet, with room for nr_max. 0 or -ENOMEM. Control thread. */
int listener_init(struct listeners *all, struct worker *w, struct clients *clients,
                  listener_accepted *on_accept, int nr_max) __attribute__((warn_unused_result));

/* Adds a socket, owned from now on, and accepts from it once the loop runs. 0 or -ENOMEM. Control
 * thread. */
int listener_start(struct listeners *all, int fd) __attribute__((warn_unused_result));

/* Takes the newest settings, if the worker has not yet, and what they say of redirects and HSTS;
 * whether a listener speaks TLS never changes. */
void listener_take_settings(struct listeners *all);

/* Takes all that waits in the kernel's queues; new connections are not answered any more. The
 * sockets close a moment later (on_closed), when the connections have been taken that had begun
 * by then, or at once. Idempotent. */
void listener_stop(struct listeners *all);

/* Closes at once. Idempotent. */
void listener_close(struct listeners *all);

bool listener_is_any_open(const struct listeners *all);

/* Closes what is open and frees the list. Control thread. All zero is fine. */
void listener_fini(struct listeners *all);

#endif

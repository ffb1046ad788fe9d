/* One worker: a thread with a loop, its listening sockets, its client connections, its upstream pools, and the table it works by.
 * Nothing here is shared but what is frozen (settings, tables) or atomic (split tickets, health, metrics read by others). */
#ifndef WEIR_PROXY_WORKER_WORKER_H
#define WEIR_PROXY_WORKER_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "base/freelist.h"
#include "base/prng.h"
#include "conf/settings.h"
#include "metrics/accesslog.h"
#include "metrics/metrics.h"
#include "proxy/http/http1.h"
#include "proxy/io/loop.h"
#include "proxy/io/outbox.h"
#include "router/table.h"

struct client;
struct pool;
struct server;
struct worker;
struct tls_server;

enum { WORKER_BLOCK = 2048, WORKER_READ_MAX = 256 * 1024 };

/* A table as one worker holds it: exchanges count themselves here, without atomics, and the table is let go when the worker has moved on
 * and the last of them has ended. */
struct lease {
    struct table *table;
    uint32_t nr_users;
};

/* Settings as the hot path wants them; made when a worker takes settings over. Counted by the client connections that use them. */
struct tuning {
    uint32_t nr_users;
    struct settings *settings;
    struct http1_limits request_limits, response_limits;
    size_t read_bytes;
    /* "x-amz-executed-version: " and the name in it. */
    char *executed_line;
    size_t executed_line_len, executed_name_len;
    char *via_line; /* "Via: 1.1 weir\r\n" */
    size_t via_line_len;
    char *certificate_name; /* forwarded.client_certificate_header, or NULL */
    size_t certificate_name_len;
};

/* A listening socket of one worker. */
struct listener {
    struct io io;
    struct worker *worker;
    int index; /* in settings */
    bool is_tls, is_redirect;
    uint16_t port, redirect_port;
    char hsts_line[80];    /* or empty */
    struct deadline rest;  /* when it accepts again, after descriptors or memory ran out */
};

struct worker {
    int index;
    pthread_t thread;
    struct server *server;
    struct loop loop;
    uv_async_t wake; /* from the control thread: look at orders */
    _Atomic uint32_t orders;
    _Atomic bool has_ended;
    struct prng rng;
    struct lease *lease;   /* the table in force */
    struct tuning *tuning; /* the settings in force */
    uint64_t settings_serial; /* the server's when they were taken */
    struct tls_server *tls;
    struct metrics_worker *metrics;
    struct accesslog_ring *log;
    struct listener *listeners;
    int nr_listeners;
    int spare_fd; /* given up to accept and refuse when descriptors run out */
    LIST_HEAD(, client) clients;
    uint32_t nr_clients, nr_exchanges;
    bool is_draining;
    struct pool **pools; /* by origin id */
    uint32_t nr_pools;
    uint32_t pool_at; /* the next one to be looked at: is it over? */
    LIST_HEAD(, pool) pools_to_serve;
    struct retry_budget {
        uint64_t tokens; /* in hundred-thousandths of a retry */
        uint64_t requests;
        uint64_t at_ms;
    } retry_budget;
    /* Scratch memory, valid within one event. */
    char *read_buffer;
    struct outbox outbox;
    struct http1_head request_head, response_head;
    struct freelist blocks, exchanges;
    uint64_t date_s; /* the second that date_line shows */
    char date_line[40];
};

enum worker_order { WORKER_TAKE_TABLE = 1, WORKER_TAKE_SETTINGS = 2, WORKER_DRAIN = 4, WORKER_STOP = 8 };

/* Prepares a worker: loop, memory, listening sockets fds[nr] (owned from now on). 0 or -1 with a line in the log. Control thread. */
int worker_init(struct worker *w, struct server *server, int index, const int *fds, int nr) __attribute__((warn_unused_result));
int worker_start(struct worker *w) __attribute__((warn_unused_result));
/* Any thread. */
void worker_order(struct worker *w, enum worker_order order);
/* Waits for the thread. */
void worker_join(struct worker *w);
/* After worker_join, or where worker_start was never called. */
void worker_fini(struct worker *w);

/* ---- The worker's own thread ---------------------------------------------------------------------------------------- */

static inline struct worker *worker_of(struct loop *loop)
{
    return loop->owner;
}

/* Counts one more user of the table in force. */
static inline struct lease *worker_lease(struct worker *w)
{
    w->lease->nr_users++;
    return w->lease;
}

/* Ends a use and clears the pointer; the last one lets a superseded table go. */
void worker_unlease(struct worker *w, struct lease **lease);

/* Takes the newest published table, if newer than the one in force. False when there is no newer one. */
bool worker_take_table(struct worker *w);

/* Takes the newest published settings and certificates, if newer than those in force: whoever has been told that a reload is done finds it in
 * force on each connection made after that. */
void worker_take_settings(struct worker *w);

struct tuning *worker_tuning(struct worker *w);
void worker_untune(struct worker *w, struct tuning **tuning);

/* "Date: ...\r\n" of this second, 37 bytes. */
struct str worker_date(struct worker *w);

/* A client connection has gone: the last one of a draining worker ends it. */
void worker_client_gone(struct worker *w);

/* Whether a retry is within the budget; takes it. */
bool worker_may_retry(struct worker *w);

#endif

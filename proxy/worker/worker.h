/* What one worker thread lends to all that runs on it: the loop, the table and settings in
 * force, counters, the pools of its endpoint connections, and scratch memory. server/thread.h
 * starts and ends the thread.
 *
 * Nothing here is shared but what is frozen (settings, tables) or atomic (split tickets, health,
 * metrics that others read). The worker's own thread, unless a function says otherwise. */
#ifndef WEIR_PROXY_WORKER_WORKER_H
#define WEIR_PROXY_WORKER_WORKER_H

#include <stdbool.h>
#include <sys/queue.h>

#include "base/freelist.h"
#include "base/log.h"
#include "base/prng.h"
#include "metrics/accesslog.h"
#include "metrics/metrics.h"
#include "proxy/http/http1.h"
#include "proxy/io/loop.h"
#include "proxy/io/outbox.h"
#include "proxy/worker/lease.h"
#include "proxy/worker/shared.h"
#include "proxy/worker/slots.h"
#include "proxy/worker/tuning.h"

struct abandoned;
struct acceptor;
struct pool;
struct urlindex;

enum { WORKER_BLOCK = 2048 };

LIST_HEAD(worker_pools, pool);

struct worker {
    int index;
    struct shared *shared;
    struct loop loop; /* its owner is the worker */
    struct prng rng;
    struct lease *lease;      /* the table in force */
    struct tuning *tuning;    /* the settings in force */
    uint64_t settings_serial; /* of shared, when they were taken */
    struct tls_server *tls;
    struct slots_worker slots; /* its give_up is set by pool_join */
    struct metrics_worker *metrics;
    struct accesslog_ring *log; /* NULL: none is written */
    bool is_draining;           /* no connection is kept for later */
    struct acceptor *acceptor;  /* of events (exchange/accepting.h); NULL: none are kept */
    struct pool **pools;        /* by origin id; made by pool_of */
    uint32_t nr_pools;
    LIST_HEAD(, pool) pools_to_serve;  /* served at the end of the turn */
    struct worker_pools name_pools;    /* of names whose first address somebody waits for */
    struct worker_pools address_pools; /* of addresses of names */
    LIST_HEAD(, abandoned) abandoned;  /* upstream/abandon.h */
    struct retry_budget {
        uint64_t tokens; /* in hundred-thousandths of a retry */
        uint64_t requests;
        uint64_t at_ms;
    } retry_budget;
    /* Scratch memory, valid within one event. */
    char *read_buffer; /* of TUNING_READ_MAX bytes */
    struct outbox outbox;
    struct head request_head, response_head;
    struct head made_head; /* of a message that weir makes itself, or reads again */
    struct freelist blocks, exchanges;
    struct log_limit url_warnings; /* answers to function URLs that are no responses */
    struct urlindex *urls;         /* of the table in force; NULL: nobody has asked yet */
    uint64_t date_s;               /* the second that date_line shows */
    char date_line[40];
    char second[8]; /* the Unix time of it in hex, without NUL */
};

/* Makes the loop and takes what is in force. 0 or -1 with a line in the log; then worker_fini
 * releases what was made. Control thread. */
int worker_init(struct worker *w, struct shared *shared, int index)
    __attribute__((warn_unused_result));

/* No connection, pool or handle is left. Control thread, after the worker's thread has ended or
 * where none was started. w->loop.is_stuck may be true then: see loop_fini. */
void worker_fini(struct worker *w);

static inline struct worker *worker_of(struct loop *loop)
{
    return loop->owner;
}

/* Takes the newest published table, if newer than the one in force. False when there is no newer
 * one. */
bool worker_take_table(struct worker *w);

/* Whether worker_take_table has nothing to do. */
static inline bool worker_has_newest_table(const struct worker *w)
{
    return atomic_load_explicit(&w->shared->serial, memory_order_acquire) ==
           w->lease->table->serial;
}

/* Takes the newest published settings and certificates, if newer than those in force. True when
 * they are new. Call it for each new connection, so that a client that was told of a reload
 * finds it in force. */
bool worker_take_settings(struct worker *w);

/* Whether worker_take_settings has nothing to do. */
static inline bool worker_has_newest_settings(const struct worker *w)
{
    return atomic_load_explicit(&w->shared->settings_serial, memory_order_acquire) ==
           w->settings_serial;
}

/* "Date: ...\r\n" of this second, 37 bytes. */
struct str worker_date(struct worker *w);

/* Its Unix time, as 8 hex digits without NUL. */
const char *worker_second(struct worker *w);

/* Whether a retry is within the budget; takes it. */
bool worker_may_retry(struct worker *w);

#endif

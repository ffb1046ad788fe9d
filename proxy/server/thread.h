/* One worker thread: start, orders from the control thread, draining, end. Around it lie what
 * the thread lends (worker/worker.h), the sockets that it accepts from, and its client
 * connections.
 *
 * Control thread, unless a function says otherwise. */
#ifndef WEIR_PROXY_SERVER_THREAD_H
#define WEIR_PROXY_SERVER_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proxy/async/courier.h"
#include "proxy/async/runner.h"
#include "proxy/client/client.h"
#include "proxy/client/listener.h"
#include "proxy/worker/handover.h"
#include "proxy/worker/worker.h"

struct thread {
    struct worker worker;
    struct listeners listeners;
    struct clients clients;
    struct handover_queue handed; /* from the admin listener */
    struct courier courier;       /* all zero where no events are kept */
    struct runner runner;         /* of executions */
    pthread_t id;
    uv_async_t wake; /* from the control thread: look at orders */
    _Atomic uint32_t orders;
    _Atomic bool has_ended;
    _Atomic uint64_t taken; /* the table's serial that it has looked for last */
    /* Of the control loop: sent when the thread has ended, and when it has looked for a table. */
    uv_async_t *on_end, *on_taken;
    uint32_t pool_at; /* the next pool that a sweep looks at */
};

enum thread_order {
    THREAD_TAKE_TABLE = 1,
    THREAD_TAKE_SETTINGS = 2,
    THREAD_DRAIN = 4, /* ends when the last client has gone */
    THREAD_STOP = 8,  /* ends now; what still runs is cut off */
    THREAD_TAKE_NAMES = 16,
    THREAD_TAKE_CLIENTS = 32,
    THREAD_RELEASE = 64 /* recalls are done */
};

/* Prepares a thread: its worker, listening sockets fds[nr] (owned from now on). 0 or -1 with a
 * line in the log; then thread_fini releases what was made. */
int thread_init(struct thread *t, struct shared *shared, int index, const int *fds, int nr)
    __attribute__((warn_unused_result));

/* The worker serves events from now on. Before thread_start. 0, or -1 with a line in the log. */
int thread_serve_events(struct thread *t, struct store *store, struct inbox *dispatcher)
    __attribute__((warn_unused_result));

/* Starts it. on_end is sent when it has ended, on_taken after each THREAD_TAKE_TABLE. 0 or -1 with
 * a line in the log. */
int thread_start(struct thread *t, uv_async_t *on_end, uv_async_t *on_taken)
    __attribute__((warn_unused_result));

/* Hands a connection of the admin listener over. False where the thread ends: it remains the
 * caller's; else *handover is cleared. */
bool thread_hand_over_take(struct thread *t, struct handover **handover)
    __attribute__((warn_unused_result));

/* Any thread. */
void thread_order(struct thread *t, enum thread_order order);

/* Does whatever begins on the thread from now on see the table of this serial, or a
 * newer one? (Where memory
 * ran out it has at least tried.) */
bool thread_has_taken(const struct thread *t, uint64_t serial);

/* Waits for the thread to end. */
void thread_join(struct thread *t);

/* After thread_join, or where thread_start was never called; all zero is fine. Answers whether
 * the loop is stuck (see loop_fini): then the memory of t must stay until the process ends. */
bool thread_fini(struct thread *t) __attribute__((warn_unused_result));

#endif

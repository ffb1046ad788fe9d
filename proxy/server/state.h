/* The process: what its threads share, and the control thread that owns it. Private to
 * proxy/server/.
 *
 *     signals, watched files, POST /reload --> build table and settings aside --> publish
 *         --> workers take them in their own time
 *
 * Control thread. */
#ifndef WEIR_PROXY_SERVER_STATE_H
#define WEIR_PROXY_SERVER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "control/rowstore.h"
#include "proxy/io/loop.h"
#include "proxy/server/accounting.h"
#include "proxy/server/documents.h"
#include "proxy/server/edits.h"
#include "proxy/server/errands.h"
#include "proxy/server/executing.h"
#include "proxy/server/recalling.h"
#include "proxy/server/reclaim.h"
#include "proxy/server/reload.h"
#include "proxy/server/shifting.h"
#include "proxy/server/signals.h"
#include "proxy/server/storage.h"
#include "proxy/server/thread.h"
#include "proxy/worker/shared.h"
#include "router/registry.h"

struct admin;
struct dispatcher;
struct health;
struct merge_said;
struct watching;

struct server {
    const struct documents_options *options;
    struct shared shared;
    struct loop loop;
    struct registry *registry;
    struct merge_said *said; /* what the table file said when it was last taken */
    struct store *store;     /* from before the table is read until the workers have ended */
    struct storage storage;
    struct accounting accounting; /* of a fleet */
    struct admin *admin;
    struct health *health;
    struct dispatcher *events; /* NULL: the store keeps none */
    struct thread *threads;    /* the workers' */
    int nr_threads, nr_running;
    int next_taker;                    /* the worker that gets the admin listener's next Invoke */
    struct handover_queue handed_back; /* connections of the admin listener, from workers */
    uv_async_t news_of_handed_back;

    struct watching *watching; /* files; NULL: none */
    struct signals signals;
    uv_async_t thread_ended;
    uv_timer_t housekeeping, drain_limit, settle;
    bool is_draining;
    struct rowstore rows; /* of the store */
    struct edits edits;
    struct errands errands;
    struct shifting shifting;
    struct executing executing;
    struct reload reload;
    int nr_writing; /* listings on their way (writing.h) */
    struct reclaim reclaim;
    struct recalling recalling;
    uv_work_t first_work;
    double start_time_s;
};

static inline void state_order_all(struct server *s, enum thread_order order)
{
    for (int i = 0; i < s->nr_running; i++)
        thread_order(&s->threads[i], order);
}

#endif

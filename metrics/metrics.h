/* What happened, counted: a cell of numbers per worker and series, which its worker alone writes
 * and the control thread reads.
 *
 * A series is (function, alias, version); its number is found when a table is built, so the hot
 * path adds to memory it already has a pointer to. Cells are made at a series' first invocation on
 * a worker, so that a series without traffic costs its name alone. Counters survive reloads: names
 * that return find their number again if anything was counted under it and not more than an hour
 * has passed since the last table had them. Then the series ends and its cells are freed.
 *
 * All numbers are relaxed atomics with a single writer: a load, an add and a store, no locked
 * instruction.
 *
 *     worker -> slots: chunks [64 numbers] [128] [256] ...   arrays of pointers to cells, made when
 *                      first needed and never moved, so that the control thread walks them without
 *                      a lock */
#ifndef WEIR_METRICS_METRICS_H
#define WEIR_METRICS_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Why an invocation failed in weir, not in the function: label reason of weir_errors_total. */
#define METRICS_ERRORS(X)                                                                          \
    X(CONNECT, "connect", "the endpoint refused or reset the connection")                          \
    X(CONNECT_TIMEOUT, "connect_timeout", "no connection within connect_ms")                       \
    X(RESOLVE, "resolve", "the endpoint's host name could not be resolved")                        \
    X(TLS, "tls", "the TLS handshake with the endpoint failed")                                    \
    X(RESPONSE_TIMEOUT, "response_timeout", "no response head within response_head_ms")            \
    X(STREAM_TIMEOUT, "stream_timeout", "a body made no progress within stream_idle_ms")           \
    X(RESET, "reset", "the endpoint closed the connection before its response was complete")       \
    X(BAD_RESPONSE, "bad_response", "the endpoint's response broke HTTP")                          \
    X(CLIENT_ABORT, "client_abort", "the client left before its response was complete")            \
    X(BAD_REQUEST_BODY, "bad_request_body", "the client's request body broke HTTP or a limit")     \
    X(OVERLOAD, "overload", "a limit on connections, queue or invocations in flight was reached")  \
    X(UNAVAILABLE, "unavailable", "the version had no healthy endpoint")                           \
    X(DRAIN_TIMEOUT, "drain_timeout", "weir ended before the response was complete")               \
    X(INTERNAL, "internal", "weir ran out of memory or descriptors")

/* Why a request was refused before it became an invocation: label reason of
 * weir_rejected_requests_total. */
#define METRICS_REJECTIONS(X)                                                                      \
    X(BAD_REQUEST, "bad_request", "the request broke HTTP")                                        \
    X(HEAD_TIMEOUT, "head_timeout", "the request head did not arrive within request_head_ms")      \
    X(URI_TOO_LONG, "uri_too_long", "the request line was over its limit")                         \
    X(HEAD_TOO_LARGE, "head_too_large", "the header fields were over a limit")                     \
    X(BODY_TOO_LARGE, "body_too_large", "the body was over its limit")                             \
    X(NOT_FOUND, "not_found", "no route, function, alias or version")                              \
    X(INVOCATION_TYPE, "invocation_type", "an unknown X-Amz-Invocation-Type or X-Amz-Log-Type")    \
    X(EVENT_STORE, "event_store", "an event that could not be stored")                             \
    X(METHOD, "method",                                                                            \
      "CONNECT, or TRACE where it is not allowed, or an Invoke that is not POST")                  \
    X(NOT_IMPLEMENTED, "not_implemented", "an unknown transfer coding")                            \
    X(VERSION, "version", "an HTTP version weir does not speak")                                   \
    X(BAD_CONTENT, "bad_content",                                                                  \
      "a payload or a client context that is not what an Invoke needs")                            \
    X(BAD_ADDRESS, "bad_address", "a malformed function name, ARN or qualifier")                   \
    X(OVERLOAD, "overload", "a limit of invocations in flight was reached")                        \
    X(UNAUTHORIZED, "unauthorized", "no signature or token that allows it")                        \
    X(CONNECTIONS, "connections", "over a limit on client connections")                            \
    X(DESCRIPTORS, "descriptors", "out of file descriptors")                                       \
    X(TLS_HANDSHAKE, "tls_handshake", "a client's TLS handshake failed")                           \
    X(REDIRECTED, "redirected", "sent to https by a listener that only redirects")                 \
    X(NO_MEMORY, "no_memory", "out of memory")

/* How one health check of an endpoint ended: label result of weir_health_checks_total. */
#define METRICS_CHECKS(X)                                                                          \
    X(OK, "ok", "the endpoint is well")                                                            \
    X(RESOLVE, "resolve", "its host name could not be resolved")                                   \
    X(CONNECT, "connect", "it refused or reset the connection")                                    \
    X(TLS, "tls", "the TLS handshake failed")                                                      \
    X(TIMEOUT, "timeout", "no whole answer within timeout_ms")                                     \
    X(STATUS, "status", "the status is not within status_min to status_max")                       \
    X(MALFORMED, "malformed", "the answer broke HTTP")                                             \
    X(CLOSED, "closed", "the connection ended before the answer was complete")                     \
    X(INTERNAL, "internal", "weir ran out of memory or descriptors; says nothing of the endpoint")

enum metrics_error {
#define X(name, label, help) METRICS_ERROR_##name,
    METRICS_ERRORS(X)
#undef X
        METRICS_ERROR_COUNT,
    METRICS_ERROR_NONE = METRICS_ERROR_COUNT
};

enum metrics_rejection {
#define X(name, label, help) METRICS_REJECTION_##name,
    METRICS_REJECTIONS(X)
#undef X
        METRICS_REJECTION_COUNT
};

enum metrics_check {
#define X(name, label, help) METRICS_CHECK_##name,
    METRICS_CHECKS(X)
#undef X
        METRICS_CHECK_COUNT
};

/* The labels by enumerator; METRICS_ERROR_NONE is "ok", as the access log's outcome has it. */
extern const char *const metrics_error_labels[METRICS_ERROR_COUNT + 1];
extern const char *const metrics_rejection_labels[METRICS_REJECTION_COUNT];
extern const char *const metrics_check_labels[METRICS_CHECK_COUNT];

/* Upper bounds of weir_invocation_duration_seconds in microseconds; the last bucket is +Inf. */
#define METRICS_BUCKETS_US                                                                         \
    250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000,     \
        5000000, 10000000, 30000000, 60000000
enum { METRICS_BUCKET_COUNT = 18 };

/* Written by one thread, read by any. */
struct metrics_number {
    _Atomic uint64_t n;
};

/* What an invocation that goes well touches comes first: two cache lines. */
struct metrics_cell {
    struct metrics_number picks;       /* counted when made */
    struct metrics_number ended;       /* picks + attempts + repeats - ended = in flight */
    struct metrics_number duration_us; /* sum */
    /* by class: [2] 2xx ... [5] 5xx, [1] upgrades, [0] none sent */
    struct metrics_number responses[6];
    struct metrics_number buckets[METRICS_BUCKET_COUNT];
    struct metrics_number errors[METRICS_ERROR_COUNT];
    /* status 500 and more, no connection, time limits, function errors; no client's fault */
    struct metrics_number failed;
    struct metrics_number retries;
    /* invocations that ran here though another version was picked (failover) */
    struct metrics_number runs;
    /* to run events, whose picks ended when they were accepted */
    struct metrics_number attempts;
    /* for which this was picked, and which ran on the first version: for its budget or guard */
    struct metrics_number deferred;
    /* of calls whose first attempt was picked: their clients sent them again */
    struct metrics_number repeats;
    /* that a pin, or an override, sent here; in no other number */
    struct metrics_number pinned, overrides;
};

/* Upstream connections of one pool, by state; a gauge that the worker owns. */
enum metrics_connection_state {
    METRICS_CONNECTING,
    METRICS_ACTIVE,
    METRICS_IDLE,
    METRICS_CONNECTION_STATE_COUNT
};

struct metrics_pool_cell {
    struct metrics_number connections[METRICS_CONNECTION_STATE_COUNT];
    struct metrics_number opened; /* connections ever opened */
};

enum {
    METRICS_NO_SERIES = UINT32_MAX, /* counts nowhere */
    /* pointers in the first chunk, a power of two; each further one has twice as many */
    METRICS_CHUNK_MIN = 64,
    METRICS_CHUNK_COUNT = 27 /* reaches beyond 2^32 */
};

struct metrics_slot {
    _Atomic(void *) cell;
};

/* Numbers to cells. Its worker adds, any thread reads: what is found is complete and stays. */
struct metrics_slots {
    _Atomic(struct metrics_slot *) chunks[METRICS_CHUNK_COUNT];
};

/* One worker's numbers. */
struct metrics_worker {
    struct metrics_number rejections[METRICS_REJECTION_COUNT];
    struct metrics_number client_connections;          /* open now */
    struct metrics_number client_connections_accepted; /* ever */
    struct metrics_number requests;                    /* request heads accepted */
    struct metrics_number upgrades_open;               /* upgraded connections open now */
    struct metrics_number upgrades;                    /* ever */
    struct metrics_number uncounted;                   /* times there was no memory for a cell */
    struct metrics_slots cells;                        /* struct metrics_cell by series */
    struct metrics_slots pools;                        /* struct metrics_pool_cell by origin id */
    _Atomic(struct metrics_made *)
        made; /* series that got a cell here, until somebody takes note */
};

struct metrics;

static inline uint64_t metrics_read(const struct metrics_number *number)
{
    return atomic_load_explicit(&number->n, memory_order_relaxed);
}

/* Adds to a number that the calling thread alone writes. */
static inline void metrics_add(struct metrics_number *number, uint64_t n)
{
    atomic_store_explicit(&number->n, metrics_read(number) + n, memory_order_relaxed);
}

/* For gauges that the calling thread alone writes. */
static inline void metrics_sub(struct metrics_number *number, uint64_t n)
{
    atomic_store_explicit(&number->n, metrics_read(number) - n, memory_order_relaxed);
}

/* nr_workers cell spaces. NULL when out of memory. Control thread, before workers start. */
struct metrics *metrics_make(int nr_workers);
void metrics_free(struct metrics **metrics); /* after the workers have ended */

/* The worker's own numbers; worker in [0, nr_workers). */
struct metrics_worker *metrics_worker(struct metrics *metrics, int worker);

/* ---- The hot path: worker threads ------------------------------------------------------------ */

/* The chunk that holds a number, and its place there. */
static inline uint32_t metrics_chunk_of(uint32_t number, uint64_t *place)
{
    uint64_t n = (uint64_t)number + METRICS_CHUNK_MIN;
    uint32_t chunk =
        (uint32_t)(63 - __builtin_clzll(n)) - (uint32_t)__builtin_ctz(METRICS_CHUNK_MIN);

    *place = n - ((uint64_t)METRICS_CHUNK_MIN << chunk);
    return chunk;
}

/* The cell of a number, or NULL where none was made. Any thread. */
static inline void *metrics_slots_find(struct metrics_slots *slots, uint32_t number)
{
    uint64_t place;
    uint32_t chunk = metrics_chunk_of(number, &place);
    struct metrics_slot *slot = atomic_load_explicit(&slots->chunks[chunk], memory_order_acquire);

    return slot ? atomic_load_explicit(&slot[place].cell, memory_order_acquire) : NULL;
}

/* The first use of a number on a worker; for the two functions below. */
struct metrics_cell *metrics_cell_make(struct metrics_worker *worker, uint32_t series);
struct metrics_pool_cell *metrics_pool_make(struct metrics_worker *worker, uint32_t origin);

/* The worker's cell of a series, made on first use. It stays where it is as long as a table has the
 * series, and as long as something picked has not ended (metrics_end). NULL when out of memory (the
 * invocation then goes uncounted, and that is counted) and for METRICS_NO_SERIES. */
static inline struct metrics_cell *metrics_cell(struct metrics_worker *worker, uint32_t series)
{
    struct metrics_cell *cell = metrics_slots_find(&worker->cells, series);

    return cell ? cell : metrics_cell_make(worker, series);
}

/* The worker's gauges for an origin id's pool; as metrics_cell, but it stays to the end. */
static inline struct metrics_pool_cell *metrics_pool(struct metrics_worker *worker, uint32_t origin)
{
    struct metrics_pool_cell *cell = metrics_slots_find(&worker->pools, origin);

    return cell ? cell : metrics_pool_make(worker, origin);
}

/* Bounds in microseconds, the last one infinite; and for each power of two the first bucket that
 * can hold values from it on. No power of two has two bounds before the next, so one comparison
 * settles the rest. */
extern const uint64_t metrics_bucket_bounds[METRICS_BUCKET_COUNT];
extern const uint8_t metrics_bucket_first[64];

/* The bucket of a duration: the first whose bound is not below it. */
static inline uint32_t metrics_bucket(uint64_t duration_us)
{
    uint32_t bucket = metrics_bucket_first[63 - __builtin_clzll(duration_us | 1)];

    return bucket + (duration_us > metrics_bucket_bounds[bucket]);
}

/* Adds one duration to a cell's histogram. */
static inline void metrics_observe(struct metrics_cell *cell, uint64_t duration_us)
{
    metrics_add(&cell->buckets[metrics_bucket(duration_us)], 1);
    metrics_add(&cell->duration_us, duration_us);
}

/* Write this last for a picked invocation. From then on the cell may be freed, if no table has the
 * series. */
static inline void metrics_end(struct metrics_cell *cell)
{
    atomic_store_explicit(&cell->ended.n, metrics_read(&cell->ended) + 1, memory_order_release);
}

/* ---- Series: any thread ---------------------------------------------------------------------- */

/* The registry's hooks (router/registry.h): numbers are counted references; the same names give the
 * same number. One that never had a cell is used again after its last release. METRICS_NO_SERIES
 * when out of memory. */
uint32_t metrics_series_get(struct metrics *metrics, struct str function, struct str alias,
                            struct str version);
void metrics_series_release(struct metrics *metrics, uint32_t series);

/* Whether someone takes a series over, with one more reference. Called under the lock of the
 * series: it may not call back. The names are valid for the call. */
typedef bool metrics_keep(void *context, struct str function, struct str alias, struct str version,
                          uint32_t series);

/* Offers each series that was ever counted. Any thread. */
void metrics_series_keep(struct metrics *metrics, metrics_keep *keep, void *context);

/* Locks the series until metrics_unlock_series and marks those that have been counted so far, for
 * series_next_counted. The exposition (metrics/expose.h) and the code that gathers facts for it
 * call this. */
const struct series *metrics_lock_series(struct metrics *metrics);
void metrics_unlock_series(struct metrics *metrics);

/* While they are locked: lets one go first who waits for them, so call it every METRICS_STRIDE
 * series. The series may be others afterwards; those that a table has are what they were. */
enum { METRICS_STRIDE = 256 };
void metrics_yield_series(struct metrics *metrics);

/* ---- Control thread -------------------------------------------------------------------------- */

/* Ends the series that were counted, but that no table has had for an hour before now_ms, and frees
 * their cells. Call it every now and then, with a clock that only goes forward and is not 0. */
void metrics_sweep(struct metrics *metrics, uint64_t now_ms);

/* A series' numbers over all workers. */
struct metrics_figures {
    uint64_t ended, failed, buckets[METRICS_BUCKET_COUNT];
};
void metrics_figures_of(struct metrics *metrics, uint32_t series, struct metrics_figures *out);

int metrics_nr_workers(const struct metrics *metrics);

#endif

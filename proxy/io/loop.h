/* The event loop of one thread: libuv's, with the sockets of connections in one edge-triggered
 * epoll set of ours.
 *
 *     poll     libuv waits; callbacks of its handles: listening sockets, wake-ups, look-ups;
 *              "the set has news"
 *     check    one turn or more: all sockets of the set learn what came, then each acts (io_ready);
 *              sockets that were left half read (io_again); deadlines that passed; on_turn;
 *              then memory that was let go is freed
 *     prepare  timer for the next deadline; offline in QSBR
 *
 * Why not uv_tcp_t or a uv_poll_t for each connection: registered once, for reading and writing
 * together, a socket costs no epoll_ctl while it lives, and no stream layer per read and write.
 * Measured in docs/performance.md.
 *
 * All on the loop's own thread. */
#ifndef WEIR_PROXY_IO_LOOP_H
#define WEIR_PROXY_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/qsbr.h"
#include "base/wheel.h"
#include "proxy/io/io.h"

/* Something that is freed once no event of the current turn can name it any more. */
struct loop_garbage {
    struct loop_garbage *next;
    void (*free_fn)(struct loop_garbage *garbage);
};

typedef void loop_hook(struct loop *loop);

/* A deadline in the loop's wheel, embedded in the object that it limits. expired runs on the
 * loop's thread once the deadline has passed; it may free the object by loop_discard. */
struct deadline {
    struct wheel_node node; /* first */
    void (*expired)(struct deadline *deadline);
};

struct loop {
    uv_loop_t uv;
    int epoll_fd;  /* the set */
    uv_poll_t set; /* watches epoll_fd */
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    uv_timer_t alarm; /* wakes the loop for the wheel's next deadline */
    uv_idle_t hurry;  /* while it is active, poll does not wait */
    uint64_t alarm_ms;
    bool has_news; /* the set may hold events */
    bool is_awake; /* poll has returned: the clock is read and QSBR knows */
    bool is_stopped;
    bool is_stuck;           /* after loop_fini */
    uint64_t now_us, now_ms; /* monotonic, as of this turn */
    uint64_t unix_offset_us; /* what makes Unix time of it; looked at once a second */
    uint64_t offset_due_ms;
    struct wheel wheel;
    loop_hook *on_turn; /* once per turn, after its events; may be NULL */
    struct io *again;
    struct loop_garbage *garbage;
    struct qsbr *qsbr;
    int qsbr_slot;
    void *owner;
};

/* 0 or a negative errno, and then owner is NULL. Each node of loop->wheel belongs to a struct
 * deadline. */
int loop_init(struct loop *loop, struct qsbr *qsbr, void *owner)
    __attribute__((warn_unused_result));

/* All sockets are closed, and all uv handles but the loop's own are closed or closing. A name
 * look-up cannot be stopped once it runs: then the loop is_stuck, libuv's thread will still
 * write to it, so do not free its memory and end the process with _exit, because exit waits for
 * that thread. */
void loop_fini(struct loop *loop);

/* After others than loop_run have called uv_run: those for which the start waits. */
void loop_rest(struct loop *loop);

/* Until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* The slow part of loop_wake_up. */
void loop_rise(struct loop *loop);

/* Call it first in each callback that libuv makes while it polls (of a uv_poll_t, uv_async_t,
 * uv_signal_t or request): only then is the time right, and only then may the callback read what
 * other threads retire. Timers need no call. */
static inline void loop_wake_up(struct loop *loop)
{
    if (!loop->is_awake)
        loop_rise(loop);
}

/* Microseconds since 1970 as of this turn, UTC. */
static inline uint64_t loop_unix_us(const struct loop *loop)
{
    return loop->now_us + loop->unix_offset_us;
}

/* free_fn runs at the end of this turn. */
void loop_discard(struct loop *loop, struct loop_garbage *garbage,
                  void (*free_fn)(struct loop_garbage *));

#endif

/* The event loop of one thread: sockets on an epoll of its own, everything else (signals, wake-ups from other threads, name
 * look-ups, file watching) on the libuv loop inside it.
 *
 *     epoll_wait --> on_ready of each socket that has news
 *           \------> uv_run(NOWAIT) when libuv's own descriptor or timers have news
 *     then: sockets that were left half read, deadlines that passed, memory that was let go
 *
 * Why not uv_tcp_t: registered once, edge-triggered, for reading and writing together, a socket costs no epoll_ctl while it lives, and
 * no stream layer per read and write. Measured in docs/performance.md.
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

/* A deadline in the loop's wheel, embedded in the object that it limits. expired runs on the loop's thread once the
 * deadline has passed; it may free the object by loop_discard. */
struct deadline {
    struct wheel_node node; /* first */
    void (*expired)(struct deadline *deadline);
};

struct loop {
    uv_loop_t uv;
    int epoll_fd;
    bool is_stopped;
    bool is_stuck; /* after loop_fini */
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

/* 0 or a negative errno, and then owner is NULL. Each node of loop->wheel belongs to a struct deadline. */
int loop_init(struct loop *loop, struct qsbr *qsbr, void *owner) __attribute__((warn_unused_result));

/* All sockets and uv handles are closed. A name look-up cannot be stopped once it runs: then the loop is_stuck, libuv's thread will still write to
 * it, and its memory has to stay until the process ends, by _exit, as exit waits for that thread. */
void loop_fini(struct loop *loop);

/* Until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Microseconds since 1970 as of this turn, UTC. */
static inline uint64_t loop_unix_us(const struct loop *loop)
{
    return loop->now_us + loop->unix_offset_us;
}

/* Lets uv handles that are closing run their callbacks: at most some turns, without waiting. */
void loop_settle(struct loop *loop);

void loop_discard(struct loop *loop, struct loop_garbage *garbage, void (*free_fn)(struct loop_garbage *));

#endif

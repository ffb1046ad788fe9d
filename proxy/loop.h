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
 * A descriptor is readable until a read comes back short: then its next event is waited for. All on the loop's own thread. */
#ifndef WEIR_PROXY_LOOP_H
#define WEIR_PROXY_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <uv.h>

#include "base/qsbr.h"
#include "base/wheel.h"

struct io;
struct loop;

/* What happened to a socket; also called with 0 for one that asked to be called again (io_again). */
typedef void io_ready(struct loop *loop, struct io *io, uint32_t events);

/* Bytes through another protocol on the same socket: TLS. Return values as io_read and io_write. */
struct io_layer {
    ssize_t (*read)(struct io *io, void *buf, size_t n);
    ssize_t (*write)(struct io *io, const struct iovec *iov, int n);
    void (*shutdown)(struct io *io); /* says that no more will be written */
    void (*free)(struct io *io);     /* the socket is about to be closed */
};

/* One socket, embedded in its connection. */
struct io {
    io_ready *on_ready;
    struct io *next_again;
    const struct io_layer *layer; /* NULL: plain */
    void *layer_state;
    int fd; /* -1: closed */
    bool is_again;
    bool is_readable; /* there may be bytes, or the end */
    bool is_hangup;   /* the peer sent its end (FIN or RST): reads must go on until they return it */
};

/* Something that is freed once no event of the current turn can name it any more. */
struct loop_garbage {
    struct loop_garbage *next;
    void (*free_fn)(struct loop_garbage *garbage);
};

typedef void loop_hook(struct loop *loop);

/* A deadline in the loop's wheel and whose it is: the loop's owner tells by kind what to do when it passes. */
struct deadline {
    struct wheel_node node; /* first */
    uint8_t kind;
};

struct loop {
    uv_loop_t uv;
    int epoll_fd;
    bool is_stopped;
    uint64_t now_ms; /* monotonic, as of this turn */
    struct wheel wheel;
    wheel_expired *on_deadline;
    loop_hook *on_turn; /* once per turn, after its events; may be NULL */
    struct io *again;
    struct loop_garbage *garbage;
    struct qsbr *qsbr;
    int qsbr_slot;
    void *owner;
};

/* 0 or a negative errno. on_deadline is called for nodes of loop->wheel with loop as context. */
int loop_init(struct loop *loop, struct qsbr *qsbr, wheel_expired *on_deadline, void *owner)
    __attribute__((warn_unused_result));

/* All sockets and uv handles are closed. */
void loop_fini(struct loop *loop);

/* Until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Lets uv handles that are closing run their callbacks: at most some turns, without waiting. */
void loop_settle(struct loop *loop);

void loop_discard(struct loop *loop, struct loop_garbage *garbage, void (*free_fn)(struct loop_garbage *));

/* Registers fd (non-blocking), which the io owns from now on. 0 or a negative errno (fd is then closed). */
int io_open(struct loop *loop, struct io *io, int fd, io_ready *on_ready) __attribute__((warn_unused_result));

/* A listening socket: level-triggered, reading only. */
int io_open_listener(struct loop *loop, struct io *io, int fd, io_ready *on_ready)
    __attribute__((warn_unused_result));

/* Closes the socket; the io may not be freed before the end of the turn (loop_discard). Idempotent. */
void io_close(struct loop *loop, struct io *io);

/* Closes so that the peer sees a reset and cannot take what it got for complete. */
void io_reset(struct loop *loop, struct io *io);

/* on_ready will be called once more in this turn or the next without waiting. */
void io_again(struct loop *loop, struct io *io);

/* Bytes read (1 to n), 0 at the end of the stream, -EAGAIN when there is nothing now, or another negative errno. Clears is_readable when nothing
 * more is there. */
ssize_t io_read(struct io *io, void *buf, size_t n);

/* Bytes written (0 or more), -EAGAIN, or another negative errno. */
ssize_t io_write(struct io *io, const struct iovec *iov, int n);

/* Says that no more will be written. */
void io_shutdown(struct io *io);

#endif

/* One socket on a loop: registered once, edge-triggered, read and written directly or through a
 * layer such as TLS.
 *
 * A socket is readable until a read comes back short: then its next event is waited for, and no
 * read ends in EAGAIN. All on the loop's own thread. */
#ifndef WEIR_PROXY_IO_IO_H
#define WEIR_PROXY_IO_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct io;
struct loop;

/* What happened to a socket; also called with 0 for one that asked to be called again
 * (io_again). */
typedef void io_ready(struct loop *loop, struct io *io, uint32_t events);

/* Bytes through another protocol on the same socket: TLS. Return values as io_read and io_write. */
struct io_layer {
    ssize_t (*read)(struct io *io, void *buf, size_t n);
    ssize_t (*write)(struct io *io, const struct iovec *iov, int n);
    void (*shutdown)(struct io *io); /* says that no more will be written */
    void (*free)(struct io *io);     /* the socket is about to be closed */
    void (*moved)(struct io *io);    /* layer and socket are another io's now */
};

/* One socket, embedded in its connection. */
struct io {
    io_ready *on_ready;
    struct io *next_again;
    const struct io_layer *layer; /* NULL: plain */
    void *layer_state;
    const void *related
        [2]; /* what its events will touch besides its own connection, or NULL: fetched ahead */
    int fd;  /* -1: closed */
    bool is_again;
    bool is_readable; /* there may be bytes, or the end */
    bool is_hangup; /* the peer sent its end (FIN or RST): reads must go on until they return it */
};

/* Registers fd (non-blocking), which the io owns from now on. 0 or a negative errno (fd is then
 * closed). */
int io_open(struct loop *loop, struct io *io, int fd, io_ready *on_ready)
    __attribute__((warn_unused_result));

/* Closes the socket; the io may not be freed before the end of the turn (loop_discard).
 * Idempotent. */
void io_close(struct loop *loop, struct io *io);

/* A socket between two loops: with its layer, in no epoll set. */
struct io_baggage {
    int fd; /* -1: none */
    const struct io_layer *layer;
    void *layer_state;
};

/* Takes the socket out of the loop, open; the io is as after io_close. */
void io_depart(struct loop *loop, struct io *io, struct io_baggage *out);
/* As io_open, for a socket that has departed elsewhere, and clears the baggage. Bytes may wait in
 * its layer that make no event: is_readable is set. */
int io_arrive(struct loop *loop, struct io *io, struct io_baggage *baggage, io_ready *on_ready)
    __attribute__((warn_unused_result));
/* Closes a socket that arrives nowhere; none is fine. Any thread. */
void io_drop(struct io_baggage *baggage);

/* Closes so that the peer sees a reset and cannot take what it got for complete. */
void io_reset(struct loop *loop, struct io *io);

/* on_ready will be called once more in this turn or the next without waiting. */
void io_again(struct loop *loop, struct io *io);

/* Has the kernel look after a connection on which nothing passes, so that neither a NAT forgets it
 * nor a peer that vanished is waited for: a probe after a minute of silence, then every 15 seconds,
 * and an end of the connection (ETIMEDOUT) after nine without an answer (tcp_keepalive_probes). On
 * a listening socket: of all that it accepts. Any thread. */
void io_keep_alive(int fd);

/* Bytes read (1 to n), 0 at the end of the stream, -EAGAIN when there is nothing now, or another
 * negative errno. Clears is_readable when nothing more is there. */
ssize_t io_read(struct io *io, void *buf, size_t n);

/* Bytes written (0 or more), -EAGAIN, or another negative errno. */
ssize_t io_write(struct io *io, const struct iovec *iov, int n);

/* Says that no more will be written. */
void io_shutdown(struct io *io);

#endif

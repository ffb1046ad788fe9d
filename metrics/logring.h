/* A ring of whole lines from one thread to another (single producer, single consumer), without
 * locks or system calls.
 *
 *       0                tail            head                  size   size + LOGRING_LINE_MAX
 *       |  free          | lines to read | free                |......|
 *
 * A line is always in one piece, so that it can be formatted in place: one that begins before the
 * ring's end may run on into the room behind it, and the next begins at 0 again. Positions count on
 * over the laps. The producer never waits: when the ring is full there is no room. */
#ifndef WEIR_METRICS_LOGRING_H
#define WEIR_METRICS_LOGRING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum { LOGRING_LINE_MAX = 4096, LOGRING_CACHE_LINE = 64 };

struct logring {
    /* Producer's */
    _Alignas(LOGRING_CACHE_LINE) _Atomic uint64_t head; /* up to here lines are complete */
    uint64_t tail_seen;                                 /* the last tail that was looked at */
    /* where the lines of the lap before head's end: an offset, size or more */
    _Atomic uint64_t lap_end;
    uint64_t size; /* a power of two */
    char *bytes;
    /* Consumer's */
    _Alignas(LOGRING_CACHE_LINE) _Atomic uint64_t tail; /* up to here the producer may overwrite */
    uint64_t lap;                                       /* position of the lap that is read */
    uint64_t offset;                                    /* in it; may be behind size */
    /* of the first piece that was last peeked at */
    uint64_t piece_end;
    bool is_lap_end; /* and whether the lap ends there */
};

/* size is a power of two, LOGRING_LINE_MAX times four at least. 0, or -1 when out of memory. */
int logring_init(struct logring *ring, size_t size) __attribute__((warn_unused_result));
void logring_fini(struct logring *ring);

/* ---- Producer -------------------------------------------------------------------------------- */

/* Whether n bytes from head on are free, after a look at the consumer's progress if need be. */
static inline bool logring_has_room(struct logring *ring, uint64_t head, uint64_t n)
{
    if (head + n <= ring->tail_seen + ring->size)
        return true;
    ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
    return head + n <= ring->tail_seen + ring->size;
}

/* Room for one line of up to LOGRING_LINE_MAX bytes, or NULL. */
static inline char *logring_reserve(struct logring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    if (!logring_has_room(ring, head, LOGRING_LINE_MAX))
        return NULL;
    return ring->bytes + (head & (ring->size - 1));
}

/* Hands over the line that was written from logring_reserve's place up to end. True when the ring
 * is more than half full: time to wake the consumer. */
static inline bool logring_commit(struct logring *ring, const char *end)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint64_t offset = (uint64_t)(end - ring->bytes);

    head &= ~(ring->size - 1);
    if (offset < ring->size) {
        head += offset;
    } else {
        atomic_store_explicit(&ring->lap_end, offset, memory_order_relaxed);
        head += ring->size;
    }
    atomic_store_explicit(&ring->head, head, memory_order_release);
    return !logring_has_room(ring, head, ring->size / 2);
}

/* ---- Consumer -------------------------------------------------------------------------------- */

/* Shows the bytes that can be read: 0, 1 or 2 pieces of whole lines. The first begins within a line
 * if you consumed only a part of that line. */
int logring_peek(struct logring *ring, struct iovec pieces[2]);

/* Gives n of the bytes peeked at back to the producer. Once per peek. */
void logring_consume(struct logring *ring, size_t n);

#endif

/* The consumer's half of the ring of lines, and its memory.
 *
 * The tail that the producer sees stays below the end of the lap while the consumer is in the room
 * behind it; that keeps the producer of the next lap from running into that room, and from setting
 * another lap_end before this one was read. */
#include "metrics/logring.h"

#include <assert.h>
#include <stdlib.h>

int logring_init(struct logring *ring, size_t size)
{
    assert((size & (size - 1)) == 0 && size >= 4 * LOGRING_LINE_MAX);
    *ring = (struct logring){.size = size};
    ring->bytes = calloc(1, size + LOGRING_LINE_MAX);
    return ring->bytes ? 0 : -1;
}

void logring_fini(struct logring *ring)
{
    free(ring->bytes);
    ring->bytes = NULL;
}

int logring_peek(struct logring *ring, struct iovec pieces[2])
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    uint64_t head_offset = head & (ring->size - 1);

    ring->is_lap_end = head - head_offset != ring->lap;
    ring->piece_end =
        ring->is_lap_end ? atomic_load_explicit(&ring->lap_end, memory_order_relaxed) : head_offset;
    pieces[0] = (struct iovec){ring->bytes + ring->offset, ring->piece_end - ring->offset};
    pieces[1] = (struct iovec){ring->bytes, ring->is_lap_end ? head_offset : 0};
    return (pieces[0].iov_len > 0) + (pieces[1].iov_len > 0);
}

void logring_consume(struct logring *ring, size_t n)
{
    uint64_t first = ring->piece_end - ring->offset;
    uint64_t offset;

    if (ring->is_lap_end && n >= first) {
        ring->lap += ring->size;
        ring->offset = n - first;
        ring->is_lap_end = false;
    } else {
        assert(n <= first);
        ring->offset += n;
    }
    offset = ring->offset < ring->size ? ring->offset : ring->size - 1;
    atomic_store_explicit(&ring->tail, ring->lap + offset, memory_order_release);
}

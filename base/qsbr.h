/* Quiescent-state-based reclamation: memory that several workers may still be reading is freed once
 * each of them has passed a point where it holds no such pointer (McKenney and Slingwine 1998; Hart
 * et al., JPDC 67 (2007)).
 *
 * A worker is online while it handles events and offline while it waits for them. Going offline and
 * coming online again are its quiescent points: no pointer to reclaimed memory is kept across.
 * Reading costs nothing; only the two calls per loop turn do.
 *
 *     worker:   online . use . use . offline  (epoll_wait)  online . use ...
 *     retirer:  unpublish p; qsbr_retire(p)
 *     reclaimer:                qsbr_reclaim() frees p once all have moved on
 */
#ifndef WEIR_BASE_QSBR_H
#define WEIR_BASE_QSBR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QSBR_READERS_MAX = 256 };

struct qsbr;

/* Embedded in each object that is retired, so that retiring never allocates and cannot fail. */
struct qsbr_node {
    struct qsbr_node *next;
    uint64_t epoch;
    void (*free_fn)(struct qsbr_node *node);
};

/* A new domain without readers; NULL when out of memory. */
struct qsbr *qsbr_make(void);

/* Frees all that is still retired, then the domain. No reader may be online. */
void qsbr_free(struct qsbr **domain);

/* Claims a reader slot, offline at first: 0 to QSBR_READERS_MAX - 1, or -1 when all are taken. Any
 * thread. */
int qsbr_register(struct qsbr *domain) __attribute__((warn_unused_result));

/* Gives an offline slot back. */
void qsbr_unregister(struct qsbr *domain, int slot);

/* The owner of the slot, around its use of shared pointers. */
void qsbr_online(struct qsbr *domain, int slot);
void qsbr_offline(struct qsbr *domain, int slot);

/* Hands over an object that no new reader can find any more. Any thread, online or not; lock-free.
 * free_fn runs later, on the thread that calls qsbr_reclaim or qsbr_free, and may itself retire
 * more. */
void qsbr_retire(struct qsbr *domain, struct qsbr_node *node,
                 void (*free_fn)(struct qsbr_node *node));

/* Frees what every reader has left behind; returns how many objects still wait. Called now and then
 * from one thread at a time, any, which is not an online reader: it may use shared pointers all the
 * same, as nothing is freed meanwhile. */
size_t qsbr_reclaim(struct qsbr *domain);

/* Whether there is nothing to reclaim. While no thread is in qsbr_reclaim. */
bool qsbr_is_empty(struct qsbr *domain);

#endif

/* Canaries that are to be taken back (router/ward.h), from the workers on which they failed to the
 * control thread, which writes the alias. Until then answers may be withheld. */
#ifndef WEIR_PROXY_WORKER_RECALL_H
#define WEIR_PROXY_WORKER_RECALL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "router/ward.h"

struct recalls {
    pthread_mutex_t lock;
    STAILQ_HEAD(, ward) list; /* a reference each */
    _Atomic uint32_t nr_pending;
    /* Called after each post, on the thread that posts; set before the first worker starts. */
    void (*posted)(void *context);
    void *context;
};

void recall_init(struct recalls *recalls);
void recall_fini(struct recalls *recalls);

/* The ward's cause was set by the caller. Any thread. */
void recall_post(struct recalls *recalls, struct ward *ward);

/* The next one, with its reference; NULL: there is none. Control thread, as the next one. */
struct ward *recall_get(struct recalls *recalls);
/* One that was got is done with. True where none is pending any more. */
bool recall_end(struct recalls *recalls);

/* Any thread. */
static inline bool recall_is_any_pending(const struct recalls *recalls)
{
    return atomic_load(&recalls->nr_pending) > 0;
}

#endif

/* Requests of weir's own (control/errand.h): an Invoke goes to a worker over a pair of sockets, as
 * a connection of the admin listener does; a URL is connected to from the control loop.
 *
 *     errand --function--> socketpair --> handover --> a worker
 *            \--URL--> dns_ask --> connect (https: TLS) --> POST
 *
 * Control thread. */
#ifndef WEIR_PROXY_SERVER_ERRANDS_H
#define WEIR_PROXY_SERVER_ERRANDS_H

#include <uv.h>

#include "control/errand.h"
#include "proxy/worker/handover.h"

struct server;
struct dns;

struct errands {
    struct server *server;
    void (*hand_over)(void *context, struct handover **handover);
    struct dns *dns;
    uv_async_t failed; /* errands that failed at once wait to be told */
    LIST_HEAD(, errand_work) list;
};

/* hand_over takes connections for workers. 0, or -1 when out of memory or descriptors. The memory
 * stays until the loop has ended. */
int errands_init(struct errands *errands, struct server *server,
                 void (*hand_over)(void *context, struct handover **handover))
    __attribute__((warn_unused_result));
/* Before the loop ends; nobody is told. All zero is fine. */
void errands_fini(struct errands *errands);

/* As struct api_hooks has them. */
int errands_begin(struct errands *errands, struct api_errand *errand)
    __attribute__((warn_unused_result));
void errands_forget(struct errands *errands, struct api_errand *errand);

#endif

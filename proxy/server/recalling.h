/* Canaries that are to be taken back, from the workers to control/takeback.h, and back: answers
 * were withheld. Control thread. */
#ifndef WEIR_PROXY_SERVER_RECALLING_H
#define WEIR_PROXY_SERVER_RECALLING_H

#include <uv.h>

#include "control/takeback.h"

struct server;

struct recalling {
    struct takebacks takebacks;
    uv_async_t news; /* from any thread: one was posted */
};

/* Before the first worker runs. 0, or a negative code of libuv's. */
int recalling_init(struct server *s, struct api_hooks *hooks) __attribute__((warn_unused_result));
/* The change engine has ended. */
void recalling_fini(struct server *s);

#endif

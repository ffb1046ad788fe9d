/* Runs of executions (control/run.h) from one thread to another, as events go by an inbox
 * (inbox.h). */
#ifndef WEIR_PROXY_ASYNC_RUNBOX_H
#define WEIR_PROXY_ASYNC_RUNBOX_H

#include <pthread.h>
#include <stdbool.h>

#include "control/run.h"
#include "proxy/io/loop.h"

STAILQ_HEAD(runbox_runs, run);

struct runbox {
    pthread_mutex_t lock;
    struct runbox_runs runs;
    bool is_closed;
    uv_async_t wake;
    struct loop *loop;
    void (*take)(struct runbox *box, struct run *run); /* owns the run from then on */
    void (*turn)(struct runbox *box); /* after each batch, or runbox_nudge; may be NULL */
};

/* The owner has set take and turn. 0, or libuv's error. The loop's thread, or before it runs. */
int runbox_open(struct runbox *box, struct loop *loop) __attribute__((warn_unused_result));

/* Hands the run over. False where the box is closed: it remains the caller's. Any thread. */
bool runbox_post_take(struct runbox *box, struct run *run) __attribute__((warn_unused_result));

/* turn is called soon, by the loop. Any thread. */
void runbox_nudge(struct runbox *box);

/* Takes out what is there now, from within the call. The loop's thread, or where none runs. */
void runbox_empty(struct runbox *box);

/* Nothing is put in any more; what is in it goes to home as RUN_CUT, or is freed where home is NULL
 * or closed. Idempotent; all zero is fine. The memory stays until the loop has ended. */
void runbox_close(struct runbox *box, struct runbox *home);

#endif

/* Runs of executions (control/run.h) on a worker: each is an exchange that no client waits for.
 *
 *     control --run--> runner: exchange --over--> runners (control)
 *
 * The worker's thread, but for struct runners, which is the control thread's. */
#ifndef WEIR_PROXY_ASYNC_RUNNER_H
#define WEIR_PROXY_ASYNC_RUNNER_H

#include "proxy/async/runbox.h"
#include "proxy/exchange/exchange.h"
#include "proxy/worker/worker.h"

struct running;

/* One per worker. */
struct runner {
    struct runbox box; /* first */
    struct worker *worker;
    struct runbox *home;
    LIST_HEAD(, running) list;
    uint32_t nr;
    /* The last one has ended; NULL: nobody waits for that. */
    void (*on_empty)(struct runner *runner);
};

/* The control thread's end. */
struct runners {
    struct runbox box; /* first */
    struct runner **list;
    int nr, next;
};

/* Before the worker's loop runs. home outlives it. 0, or libuv's error. */
int runner_open(struct runner *runner, struct worker *worker, struct runners *home)
    __attribute__((warn_unused_result));

static inline bool runner_is_busy(const struct runner *runner)
{
    return runner->nr > 0;
}

/* Ends all runs: RUN_CUT. */
void runner_abort(struct runner *runner);

/* Nobody hands it anything any more, and what it had not taken goes home as RUN_CUT, to be told of
 * by runner_home_settle. After the worker's loop, before loop_fini. Idempotent; all zero is
 * fine. */
void runner_close(struct runner *runner);

/* 0, or -1 when out of memory or descriptors. */
int runner_home_open(struct runners *runners, struct loop *loop)
    __attribute__((warn_unused_result));
int runner_home_add(struct runners *runners, struct runner *runner)
    __attribute__((warn_unused_result));

/* As struct api_hooks has them. */
void runner_home_run(struct runners *runners, struct run *run);
void runner_home_stop(struct runners *runners, struct run *run);

/* The workers' threads have ended: what they have handed over is told. */
void runner_home_settle(struct runners *runners);
/* After loop_fini. */
void runner_home_fini(struct runners *runners);
/* Before it. */
void runner_home_close(struct runners *runners);

#endif

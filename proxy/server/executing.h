/* Executions of state machines, wired: the timer of control/execution.h, and its runs on the
 * workers (proxy/async/runner.h). Control thread. */
#ifndef WEIR_PROXY_SERVER_EXECUTING_H
#define WEIR_PROXY_SERVER_EXECUTING_H

#include <uv.h>

#include "control/execution.h"
#include "proxy/async/runner.h"
#include "store/mapfile.h"

struct server;
struct thread;

struct executing {
    struct executions executions;
    struct runners runners;
    uv_timer_t timer;
    struct mapfile draws; /* all zero without a state.directory */
};

/* A table is in force, the store is open. 0, or -1 with a line in the log. */
int executing_init(struct server *s, struct api_hooks *hooks) __attribute__((warn_unused_result));
/* Before the worker's thread starts. 0, or -1 with a line in the log. */
int executing_serve(struct server *s, struct thread *t) __attribute__((warn_unused_result));
void executing_begin(struct server *s);
void executing_drain(struct server *s);
/* The workers' threads have ended; the store is closed next. */
void executing_settle(struct server *s);
/* The admin listener is closed. Before the loop ends. */
void executing_fini(struct server *s);

/* As struct api_hooks has them. */
void executing_wake(struct server *s, uint32_t in_ms);
struct table *executing_table_of(struct server *s, const char *text);

#endif

/* Turns of the executions, and tables of their own. */
#include "proxy/server/executing.h"

#include <stdlib.h>

#include "base/log.h"
#include "conf/tabledoc.h"
#include "proxy/server/documents.h"
#include "proxy/server/state.h"
#include "store/statedir.h"

static void on_timer(uv_timer_t *timer)
{
    struct server *s = timer->data;

    loop_wake_up(&s->loop);
    execution_turn(&s->executing.executions);
}

void executing_wake(struct server *s, uint32_t in_ms)
{
    uv_update_time(&s->loop.uv);
    uv_timer_start(&s->executing.timer, on_timer, in_ms, 0);
}

struct table *executing_table_of(struct server *s, const char *text)
{
    struct problems problems = {0};
    struct table *table = documents_alone(s->registry, text, &problems);

    documents_log(&problems, "an execution's version");
    problems_fini(&problems);
    return table;
}

static int open_draws(struct server *s)
{
    const struct mapfile_start start = {.bytes = EXECUTION_DRAWS_BYTES, .head = ""};
    char *path = statedir_file(s->shared.settings->state.directory, "draws");
    struct store_reason reason = {"out of memory"};
    int r =
        path ? mapfile_open(&s->executing.draws, path, EXECUTION_DRAWS_BYTES, &start, &reason) : -1;

    free(path);
    if (r == 0 && s->executing.draws.bytes < EXECUTION_DRAWS_BYTES)
        r = mapfile_grow(&s->executing.draws, EXECUTION_DRAWS_BYTES, &reason);
    if (r < 0)
        log_error("cannot start: %s", reason.text);
    return r;
}

int executing_init(struct server *s, struct api_hooks *hooks)
{
    struct executing *own = &s->executing;

    own->timer.data = s;
    if (s->store->is_durable && open_draws(s) < 0)
        return -1;
    hooks->executions = &own->executions;
    if (uv_timer_init(&s->loop.uv, &own->timer) < 0 ||
        runner_home_open(&own->runners, &s->loop) < 0 ||
        execution_init(&own->executions, hooks, s->store, own->draws.memory) < 0) {
        log_error("executions cannot be run: out of memory or descriptors");
        return -1;
    }
    return s->store->is_durable ? execution_load(&own->executions) : 0;
}

int executing_serve(struct server *s, struct thread *t)
{
    int r = runner_open(&t->runner, &t->worker, &s->executing.runners);

    if (r == 0)
        r = runner_home_add(&s->executing.runners, &t->runner);
    if (r < 0)
        log_error("a worker cannot run executions: out of memory or descriptors");
    return r < 0 ? -1 : 0;
}

void executing_begin(struct server *s)
{
    execution_begin(&s->executing.executions);
}

void executing_drain(struct server *s)
{
    if (s->executing.executions.hooks)
        execution_drain(&s->executing.executions);
}

void executing_settle(struct server *s)
{
    executing_drain(s);
    for (int i = 0; s->threads && i < s->nr_threads; i++)
        runner_close(&s->threads[i].runner);
    runner_home_settle(&s->executing.runners);
}

void executing_fini(struct server *s)
{
    execution_fini(&s->executing.executions);
    runner_home_close(&s->executing.runners);
    runner_home_fini(&s->executing.runners);
    if (s->executing.draws.memory)
        mapfile_close(&s->executing.draws);
}

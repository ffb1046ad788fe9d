/* Freeing what all threads have left behind (base/qsbr.h), on a thread of libuv's: a table of a
 * million functions takes seconds to free, and giving its memory back to the system more.
 * Control thread. */
#ifndef WEIR_PROXY_SERVER_RECLAIM_H
#define WEIR_PROXY_SERVER_RECLAIM_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/qsbr.h"

struct reclaim {
    uv_work_t work;
    struct qsbr *qsbr;
    bool is_running;
    bool is_trimming;    /* the one that runs gives memory back to the system */
    uint64_t trim_at_ms; /* when to do so; 0: nothing to give back */
};

/* Nothing runs. Sets the process' allocator up; call it before there are other threads that
 * build or free tables. */
void reclaim_init(struct reclaim *r, struct qsbr *qsbr);

/* Frees what can be freed, beside the loop, unless that is under way or nothing waits. Call it
 * now and then. */
void reclaim_run(struct reclaim *r, uv_loop_t *loop, uint64_t now_ms);

/* A table has been replaced: its memory goes back to the system once it is free. */
void reclaim_trim(struct reclaim *r, uint64_t now_ms);

#endif

/* What the change engine (control/change.h) has done: it is called again soon, and when all workers
 * have what is in force. Control thread. */
#ifndef WEIR_PROXY_SERVER_EDITS_H
#define WEIR_PROXY_SERVER_EDITS_H

#include <stdbool.h>
#include <uv.h>

struct api_build;
struct change_engine;
struct server;

struct edits {
    struct change_engine *changes;
    uv_async_t soon;  /* change_engine_turn */
    uv_async_t taken; /* a worker has looked for a table */
    bool is_settling; /* change_engine_settled is due when the last has */
    uv_work_t work;
    struct api_build *build; /* the building thread's; NULL: it does nothing */
};

/* 0 or a negative code of libuv's. changes is freed by edits_fini. */
int edits_init(struct server *s, struct change_engine *changes) __attribute__((warn_unused_result));
/* The loop has ended: what the store tells from now on changes nothing any more. */
void edits_end(struct server *s);
void edits_fini(struct server *s);

/* Three hooks (struct api_hooks). No reload begins while a table is built. */
void edits_build(struct server *s, struct api_build *build);
void edits_soon(struct server *s);
void edits_soon_on_all(struct server *s);

/* A worker has ended: nobody waits for it any more. */
void edits_on_thread_ended(struct server *s);

#endif

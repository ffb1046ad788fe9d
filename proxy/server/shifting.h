/* The driver of gradual shifts (control/shift.h) on the control loop: when it has its turns.
 *
 * Control thread. */
#ifndef WEIR_PROXY_SERVER_SHIFTING_H
#define WEIR_PROXY_SERVER_SHIFTING_H

#include <stdbool.h>
#include <uv.h>

struct api_hooks;
struct problems;
struct server;
struct shifts;
struct table;

struct shifting {
    struct shifts *shifts;
    uv_timer_t timer;
    uv_async_t soon;
    bool is_running;
};

/* Reads the deployments from the store, and makes the handles; hooks->shifts is set. 0, or -1 with
 * a line in the log. The memory stays until the loop has ended. */
int shifting_init(struct server *s, struct api_hooks *hooks) __attribute__((warn_unused_result));
/* The workers run: deployments go on. */
void shifting_begin(struct server *s);
/* No further move is begun. */
void shifting_drain(struct server *s);
/* After the engine of changes, before errands. All zero is fine. */
void shifting_fini(struct server *s);

/* A table that was read from the file has replaced another: what is new in it is brought in. */
void shifting_publish(struct server *s, const struct table *before, const struct table *after);

/* May a table that was read from the file replace another? False with problems added: a deployment
 * uses what would be gone. */
bool shifting_allows(struct server *s, const struct table *before, const struct table *after,
                     struct problems *problems);

/* A table from the file is refused: its problems are told of the deployments that they concern. */
void shifting_name(struct server *s, struct problems *problems);

/* A turn is had soon. */
void shifting_soon(struct server *s);

#endif

/* Events from one thread to another: what is put in is taken out on the loop that the inbox belongs
 * to, in the order in which it came. */
#ifndef WEIR_PROXY_ASYNC_INBOX_H
#define WEIR_PROXY_ASYNC_INBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "proxy/async/event.h"
#include "proxy/io/loop.h"

STAILQ_HEAD(inbox_events, event);

struct inbox {
    pthread_mutex_t lock;
    struct inbox_events events;
    bool is_closed;
    uv_async_t wake;
    struct loop *loop;
    void (*take)(struct inbox *inbox, struct event *event); /* owns the event from then on */
    void (*turn)(struct inbox *inbox); /* after each batch, or inbox_nudge; may be NULL */
};

/* The owner has set take and turn. 0, or libuv's error. The loop's thread, or before it runs. */
int inbox_open(struct inbox *inbox, struct loop *loop) __attribute__((warn_unused_result));

/* Hands the event over. False where the inbox is closed: it remains the caller's. Any thread. */
bool inbox_post_take(struct inbox *inbox, struct event *event) __attribute__((warn_unused_result));

/* turn is called soon, by the loop. Any thread. */
void inbox_nudge(struct inbox *inbox);

/* Takes out what is there now, from within the call. The loop's thread, or where none runs. */
void inbox_empty(struct inbox *inbox);

/* Nothing is put in any more; what is in it is freed. Idempotent; all zero is fine. The memory
 * stays until the loop has ended. */
void inbox_close(struct inbox *inbox);

#endif

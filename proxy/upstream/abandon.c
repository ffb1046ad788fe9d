/* The user of connections that nobody waits for. */
#include "proxy/upstream/abandon.h"

#include <assert.h>
#include <stdlib.h>

enum { BODY_IDLE_MS = 60000 };

struct abandoned {
    struct upstream_user user; /* first */
    LIST_ENTRY(abandoned) link;
    struct pool *pool;
    struct upstream *upstream;
    struct head_limits limits;
};

static void end(struct abandoned *a, bool is_reusable)
{
    LIST_REMOVE(a, link);
    pool_put(a->pool, &a->upstream, is_reusable);
    free(a);
}

static void on_failed(struct upstream_user *user, struct upstream *u, enum metrics_error why,
                      bool is_silent)
{
    (void)why;
    (void)is_silent;
    assert(((struct abandoned *)user)->upstream == u);
    end((struct abandoned *)user, false);
}

static void on_drained(struct upstream_user *user)
{
    (void)user;
}

static bool on_any_head(struct upstream_user *user, const struct head *head)
{
    (void)user;
    (void)head;
    return true;
}

static bool on_head(struct upstream_user *user, const struct head *head, enum body_kind body)
{
    (void)body;
    return on_any_head(user, head);
}

static bool on_body(struct upstream_user *user, struct str span)
{
    (void)user;
    (void)span;
    return true;
}

static bool on_flush(struct upstream_user *user)
{
    (void)user;
    return true;
}

static void on_end(struct upstream_user *user, struct str trailers, bool is_reusable)
{
    (void)trailers;
    end((struct abandoned *)user, is_reusable);
}

static const struct upstream_events events = {
    .failed = on_failed,
    .drained = on_drained,
    .interim = on_any_head,
    .head = on_head,
    .body = on_body,
    .flush = on_flush,
    .end = on_end,
};

void abandon_take(struct pool *pool, struct upstream **upstream, const struct head_limits *limits)
{
    struct abandoned *a = calloc(1, sizeof(*a));

    if (!a) {
        pool_put(pool, upstream, false);
        return;
    }
    a->pool = pool;
    a->upstream = *upstream;
    a->limits = *limits;
    a->limits.own_field = (struct str){NULL, 0};
    a->user.on = &events;
    a->user.limits = &a->limits;
    a->user.stream_idle_ms = BODY_IDLE_MS;
    *upstream = NULL;
    LIST_INSERT_HEAD(&pool->worker->abandoned, a, link);
    upstream_give(a->upstream, &a->user);
}

void abandon_end(struct worker *w)
{
    while (!LIST_EMPTY(&w->abandoned))
        end(LIST_FIRST(&w->abandoned), false);
}

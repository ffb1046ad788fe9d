/* One wake-up there, one order back. */
#include "proxy/server/recalling.h"

#include "proxy/server/state.h"

/* A worker's thread. */
static void on_posted(void *context)
{
    struct server *s = context;

    uv_async_send(&s->recalling.news);
}

static void on_news(uv_async_t *async)
{
    struct server *s = async->data;
    struct ward *ward;

    loop_wake_up(&s->loop);
    while ((ward = recall_get(&s->shared.recalls)))
        takeback_begin_take(&s->recalling.takebacks, &ward);
}

static void on_ended(void *context)
{
    struct server *s = context;

    if (recall_end(&s->shared.recalls))
        state_order_all(s, THREAD_RELEASE);
}

int recalling_init(struct server *s, struct api_hooks *hooks)
{
    struct recalling *own = &s->recalling;

    takeback_init(&own->takebacks, hooks, on_ended, s);
    hooks->takebacks = &own->takebacks;
    own->news.data = s;
    s->shared.recalls.context = s;
    s->shared.recalls.posted = on_posted;
    return uv_async_init(&s->loop.uv, &own->news, on_news);
}

void recalling_fini(struct server *s)
{
    if (s->recalling.takebacks.hooks)
        takeback_fini(&s->recalling.takebacks);
}

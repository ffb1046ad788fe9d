/* Sockets, time limits and the end of a channel. */
#include "proxy/io/dns_channel.h"

#include <stdlib.h>
#include <sys/time.h>

enum {
    TRY_MS = 1000, /* for the first try of each server; it doubles with each round */
    TRIES = 3,     /* 7 seconds in all, where there is one server */
};

/* One socket of c-ares'. */
struct watch {
    uv_poll_t poll;
    struct dns_channel *channel;
    ares_socket_t fd;
    LIST_ENTRY(watch) link;
};

static void on_handle_closed(struct dns_channel *c)
{
    if (--c->nr_handles == 0 && c->is_ended)
        free(c);
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_handle_closed(handle->data);
}

/* Not from within a call of c-ares' for it. */
static void end_if_over(struct dns_channel *c)
{
    if (c->is_ended || !c->is_retired || c->nr_queries > 0)
        return;
    LIST_REMOVE(c, link);
    ares_destroy(c->net); /* closes its sockets, so that their handles close, too */
    c->is_ended = true;
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

static void on_timer(uv_timer_t *timer);

static void set_timer(struct dns_channel *c)
{
    struct timeval tv, *t = ares_timeout(c->net, NULL, &tv);

    if (!t) {
        uv_timer_stop(&c->timer);
        return;
    }
    uv_update_time(c->timer.loop);
    uv_timer_start(&c->timer, on_timer,
                   (uint64_t)t->tv_sec * 1000 + (uint64_t)t->tv_usec / 1000 + 1, 0);
}

static void process(struct dns_channel *c, ares_socket_t readable, ares_socket_t writable)
{
    ares_process_fd(c->net, readable, writable);
    end_if_over(c);
    if (!c->is_ended)
        set_timer(c);
}

static void on_timer(uv_timer_t *timer)
{
    process(timer->data, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    bool is_readable = status < 0 || (events & UV_READABLE);
    bool is_writable = status < 0 || (events & UV_WRITABLE);

    loop_wake_up(w->channel->loop);
    process(w->channel, is_readable ? w->fd : ARES_SOCKET_BAD,
            is_writable ? w->fd : ARES_SOCKET_BAD);
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct watch *w = handle->data;
    struct dns_channel *c = w->channel;

    free(w);
    on_handle_closed(c);
}

static struct watch *find_watch(struct dns_channel *c, ares_socket_t fd)
{
    struct watch *w = LIST_FIRST(&c->watches);

    while (w && w->fd != fd)
        w = LIST_NEXT(w, link);
    return w;
}

static struct watch *make_watch(struct dns_channel *c, ares_socket_t fd)
{
    struct watch *w = calloc(1, sizeof(*w));

    if (!w || uv_poll_init(&c->loop->uv, &w->poll, fd) < 0) {
        free(w); /* c-ares' time limit ends what waits on the socket */
        return NULL;
    }
    w->poll.data = w;
    w->channel = c;
    w->fd = fd;
    c->nr_handles++;
    LIST_INSERT_HEAD(&c->watches, w, link);
    return w;
}

/* What c-ares waits for on its socket; for nothing where it closes it. */
static void on_socket(void *context, ares_socket_t fd, int is_readable, int is_writable)
{
    struct dns_channel *c = context;
    struct watch *w = find_watch(c, fd);

    if (!is_readable && !is_writable) {
        if (!w)
            return;
        LIST_REMOVE(w, link);
        uv_close((uv_handle_t *)&w->poll, on_watch_closed);
        return;
    }
    if (!w)
        w = make_watch(c, fd);
    if (w)
        uv_poll_start(&w->poll, (is_readable ? UV_READABLE : 0) | (is_writable ? UV_WRITABLE : 0),
                      on_poll);
}

static int init_net(struct dns_channel *c, const char *servers)
{
    struct ares_options options = {
        .timeout = TRY_MS,
        .tries = TRIES,
        .lookups = (char[]){"b"},
        .sock_state_cb = on_socket,
        .sock_state_cb_data = c,
    };
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;

#ifdef ARES_OPT_QUERY_CACHE
    mask |= ARES_OPT_QUERY_CACHE; /* with an age of 0: none */
#endif
    if (ares_init_options(&c->net, &options, mask) != ARES_SUCCESS)
        return -1;
    if (!servers || !servers[0] || ares_set_servers_ports_csv(c->net, servers) == ARES_SUCCESS)
        return 0;
    ares_destroy(c->net);
    return -1;
}

struct dns_channel *dns_channel_open(struct loop *loop, const char *servers)
{
    struct dns_channel *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->loop = loop;
    LIST_INIT(&c->watches);
    if (init_net(c, servers) < 0) {
        free(c);
        return NULL;
    }
    uv_timer_init(&loop->uv, &c->timer);
    c->timer.data = c;
    c->nr_handles = 1;
    return c;
}

void dns_channel_asked(struct dns_channel *c)
{
    set_timer(c);
}

void dns_channel_retire(struct dns_channel *c)
{
    c->is_retired = true;
    end_if_over(c);
}

/* For tests of what runs on a worker: workers without threads, an origin on loopback, and the loop turned by hand. */
#ifndef WEIR_TESTS_UNIT_WORKER_LAB_H
#define WEIR_TESTS_UNIT_WORKER_LAB_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proxy/http/http1.h"
#include "proxy/upstream/pool.h"
#include "proxy/worker/worker.h"

enum { LAB_WORKERS = 2, LAB_TURNS_MAX = 20000, LAB_TURNS_AT_ONCE = 1000 };

struct lab {
    struct shared shared;
    struct settings settings;
    struct tuning tuning;
    struct metrics *metrics;
    struct worker workers[LAB_WORKERS];
    uv_timer_t nudges[LAB_WORKERS]; /* so that a turn without news ends */
    struct origin origin;
    int listener;
};

static inline void lab_stop(struct loop *loop)
{
    struct worker *w = loop->owner;

    while (!LIST_EMPTY(&w->pools_to_serve))
        pool_serve(LIST_FIRST(&w->pools_to_serve));
    outbox_must_be_empty(&w->outbox);
    loop_stop(loop);
}

static inline void lab_listen(struct lab *lab)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(here);

    lab->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(lab->listener, (struct sockaddr *)&here, len), 0);
    assert_int_equal(listen(lab->listener, 64), 0);
    assert_int_equal(getsockname(lab->listener, (struct sockaddr *)&here, &len), 0);
    lab->origin = (struct origin){.parent = ORIGIN_NO_PARENT,
                                  .port = ntohs(here.sin_port),
                                  .host = (char *)"127.0.0.1",
                                  .address = "127.0.0.1",
                                  .authority = (char *)"lab",
                                  .authority_len = 3,
                                  .refs = 1};
}

static inline void lab_init(struct lab *lab)
{
    memset(lab, 0, sizeof(*lab));
    http1_global_init();
    shared_init(&lab->shared);
    lab->shared.qsbr = qsbr_make();
    lab->metrics = metrics_make(LAB_WORKERS);
    assert_non_null(lab->metrics);
    lab->settings.limits.upstream_queue = 100;
    lab->settings.limits.upstream_queue_ms = 60000;
    lab->settings.upstream.idle_connections = 100;
    lab->settings.upstream.idle_ms = 60000;
    lab->tuning.settings = &lab->settings;
    lab->tuning.read_bytes = 4096;
    lab->tuning.response_limits =
        (struct head_limits){.line_bytes = 1000, .header_bytes = 10000, .header_count = 50};
    lab_listen(lab);
    for (int i = 0; i < LAB_WORKERS; i++) {
        struct worker *w = &lab->workers[i];
        w->index = i;
        w->shared = &lab->shared;
        w->tuning = &lab->tuning;
        w->metrics = metrics_worker(lab->metrics, i);
        LIST_INIT(&w->pools_to_serve);
        prng_seed(&w->rng, 1);
        w->read_buffer = malloc(TUNING_READ_MAX);
        assert_int_equal(outbox_init(&w->outbox), 0);
        assert_int_equal(loop_init(&w->loop, lab->shared.qsbr, w), 0);
        w->loop.on_turn = lab_stop;
        assert_int_equal(pool_join(w), 0);
        assert_int_equal(uv_timer_init(&w->loop.uv, &lab->nudges[i]), 0);
    }
}

/* One turn of a worker's loop; it waits for what has been started. */
static inline void lab_turn(struct worker *w)
{
    w->loop.is_stopped = false;
    loop_run(&w->loop);
}

/* Turns all loops until something holds; each turn waits for little. */
#define LAB_UNTIL(lab, condition)                                                                  \
    do {                                                                                           \
        int lab_nr_ = 0;                                                                           \
        while (!(condition)) {                                                                     \
            assert_true(lab_nr_++ < LAB_TURNS_MAX);                                                \
            if (lab_nr_ > LAB_TURNS_AT_ONCE) /* then for a deadline, which takes its time */       \
                (void)poll(NULL, 0, 1);                                                            \
            lab_turn_all(lab);                                                                     \
        }                                                                                          \
    } while (0)

static inline void lab_on_nudge(uv_timer_t *timer)
{
    (void)timer;
}

static inline void lab_turn_all(struct lab *lab)
{
    for (int i = 0; i < LAB_WORKERS; i++) {
        struct worker *w = &lab->workers[i];
        uv_timer_start(&lab->nudges[i], lab_on_nudge, 1, 0);
        lab_turn(w);
    }
}

/* The endpoint's end of the next connection. */
static inline int lab_accept(struct lab *lab)
{
    struct pollfd ready = {.fd = lab->listener, .events = POLLIN};

    assert_int_equal(poll(&ready, 1, 10000), 1);
    int fd = accept(lab->listener, NULL, NULL);
    assert_true(fd >= 0);
    return fd;
}

static inline void lab_fini(struct lab *lab)
{
    for (int i = 0; i < LAB_WORKERS; i++) {
        struct worker *w = &lab->workers[i];
        for (uint32_t k = 0; k < w->nr_pools; k++)
            pool_free(&w->pools[k]);
        free(w->pools);
        slots_leave(&w->slots);
        uv_close((uv_handle_t *)&lab->nudges[i], NULL);
        loop_fini(&w->loop);
        outbox_fini(&w->outbox);
        free(w->read_buffer);
    }
    assert_int_equal(atomic_load(&lab->origin.nr_connections), 0);
    assert_int_equal(atomic_load(&lab->origin.nr_waiting), 0);
    shared_fini(&lab->shared);
    metrics_free(&lab->metrics);
    qsbr_free(&lab->shared.qsbr);
    close(lab->listener);
}

/* Whether what is called ends the process with an assertion. */
static inline bool lab_aborts(void (*what)(void *), void *context)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct sigaction plain = {.sa_handler = SIG_DFL};
        sigaction(SIGABRT, &plain, NULL);
        close(STDERR_FILENO);
        what(context);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* ---- A user that notes what it is told ------------------------------------------------------- */

struct lab_user {
    struct upstream_user user; /* first */
    struct pool_waiter waiter;
    struct pool *pool;
    struct pool_wish wish;
    struct upstream *upstream;
    enum pool_result result;
    char events[1024], body[8192];
    size_t body_len;
    enum metrics_error error;
    bool is_reusable;
    int order; /* in which it got its connection */
};

static int lab_order;

static inline void lab_note(struct lab_user *u, const char *event)
{
    size_t at = strlen(u->events);
    int n = snprintf(u->events + at, sizeof(u->events) - at, at > 0 ? " %s" : "%s", event);

    assert_true(n > 0 && (size_t)n < sizeof(u->events) - at);
}

static inline void lab_ask(struct lab_user *u)
{
    u->result = pool_acquire(u->pool, &u->wish, &u->upstream, &u->error);
    if (u->result == POOL_READY || u->result == POOL_CONNECTING)
        u->order = ++lab_order;
}

static inline void lab_connected(struct upstream_user *user)
{
    lab_note((struct lab_user *)user, "connected");
}

static inline void lab_failed(struct upstream_user *user, struct upstream *up,
                              enum metrics_error why, bool is_silent)
{
    struct lab_user *u = (struct lab_user *)user;

    assert_ptr_equal(u->upstream, up);
    u->error = why;
    lab_note(u, is_silent ? "failed-silently" : "failed");
    pool_put(u->pool, &u->upstream, false);
}

static inline void lab_drained(struct upstream_user *user)
{
    lab_note((struct lab_user *)user, "drained");
}

static inline bool lab_interim(struct upstream_user *user, const struct head *head)
{
    (void)head;
    lab_note((struct lab_user *)user, "interim");
    return true;
}

static inline bool lab_head(struct upstream_user *user, const struct head *head,
                            enum body_kind body)
{
    (void)body;
    lab_note((struct lab_user *)user, head->status == 101 ? "101" : "head");
    if (head->status == 101)
        upstream_tunnel(((struct lab_user *)user)->upstream);
    return true;
}

static inline bool lab_body(struct upstream_user *user, struct str span)
{
    struct lab_user *u = (struct lab_user *)user;

    assert_true(u->body_len + span.n <= sizeof(u->body));
    memcpy(u->body + u->body_len, span.p, span.n);
    u->body_len += span.n;
    return true;
}

static inline bool lab_flush(struct upstream_user *user)
{
    (void)user;
    return true;
}

static inline void lab_end(struct upstream_user *user, struct str trailers, bool is_reusable)
{
    struct lab_user *u = (struct lab_user *)user;

    (void)trailers;
    u->is_reusable = is_reusable;
    lab_note(u, "end");
    pool_put(u->pool, &u->upstream, is_reusable);
}

static inline void lab_tunnel_end(struct upstream_user *user)
{
    struct lab_user *u = (struct lab_user *)user;

    lab_note(u, "tunnel-end");
    pool_put(u->pool, &u->upstream, false);
}

static const struct upstream_events lab_events = {
    .connected = lab_connected,
    .failed = lab_failed,
    .drained = lab_drained,
    .interim = lab_interim,
    .head = lab_head,
    .body = lab_body,
    .tunnel_bytes = lab_body,
    .flush = lab_flush,
    .end = lab_end,
    .tunnel_end = lab_tunnel_end,
};

static inline struct lab_user *lab_user_of(struct pool_waiter *waiter)
{
    return (struct lab_user *)((char *)waiter - offsetof(struct lab_user, waiter));
}

static inline void lab_turn_came(struct pool_waiter *waiter)
{
    lab_note(lab_user_of(waiter), "turn");
    lab_ask(lab_user_of(waiter));
}

static inline void lab_waited(struct pool_waiter *waiter, enum metrics_error why)
{
    lab_user_of(waiter)->error = why;
    lab_note(lab_user_of(waiter), "waited-in-vain");
}

static const struct pool_waiter_events lab_waiter_events = {.turn = lab_turn_came,
                                                            .failed = lab_waited};

/* Asks for a connection of a worker to the lab's origin. */
static inline void lab_begin(struct lab_user *u, struct lab *lab, int worker, uint32_t max,
                             bool is_over_all)
{
    memset(u, 0, sizeof(*u));
    u->user.on = &lab_events;
    u->user.limits = &lab->tuning.response_limits;
    u->user.stream_idle_ms = 60000;
    u->waiter.on = &lab_waiter_events;
    u->pool = pool_of(&lab->workers[worker], &lab->origin);
    assert_non_null(u->pool);
    u->wish = (struct pool_wish){.user = &u->user,
                                 .waiter = &u->waiter,
                                 .max_connections = max,
                                 .is_over_all = is_over_all,
                                 .connect_ms = 60000};
    lab_ask(u);
}

static inline void lab_send(struct lab_user *u, const char *text)
{
    outbox_copy(upstream_outbox(u->upstream), text, strlen(text));
    assert_int_equal(upstream_flush(u->upstream), 0);
}

#endif

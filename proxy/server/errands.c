/* One errand after its beginning: its name is looked up, then its probe runs, then it is over. What
 * fails at once is told in the loop's next turn, by a timer. */
#include "proxy/server/errands.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "conf/url.h"
#include "proxy/io/dns.h"
#include "proxy/server/state.h"
#include "proxy/tls/tls.h"
#include "proxy/upstream/health_probe.h"

struct errand_work {
    LIST_ENTRY(errand_work) link;
    struct errands *errands;
    struct api_errand *errand;
    char *url_text; /* a copy, which url points into */
    struct url url;
    struct buffer request;
    struct dns_query *query;
    struct origin *origin; /* of https */
    struct tls_origin *tls;
    struct health_probe *probe;
    bool has_failed; /* to be told in the next turn */
    char reason[ERRAND_REASON_MAX];
    struct health_probe_answer answer;
};

/* ---- The end --------------------------------------------------------------------------------- */

/* It is in no list any more, and nobody's errand. */
static void dispose(struct errand_work *w)
{
    dns_forget(&w->query);
    health_probe_close(&w->probe);
    if (w->tls)
        tls_origin_free(&w->tls);
    if (w->origin)
        origin_unref(&w->origin);
    buffer_fini(&w->request);
    free(w->url_text);
    free(w);
}

static void end(struct errand_work *w)
{
    LIST_REMOVE(w, link);
    w->errand->work = NULL;
    dispose(w);
}

static void tell(struct errand_work *w)
{
    struct errand_result result = {.status = w->answer.status,
                                   .is_function_error = w->answer.is_function_error,
                                   .reason = w->reason,
                                   .body = {w->answer.body, w->answer.body_bytes}};

    LIST_REMOVE(w, link);
    w->errand->work = NULL;
    w->errand->over(w->errand, &result);
    dispose(w);
}

static void fail(struct errand_work *w, const char *reason)
{
    snprintf(w->reason, sizeof(w->reason), "%s", reason);
    w->has_failed = true;
    uv_async_send(&w->errands->failed);
}

static void on_failed(uv_async_t *async)
{
    struct errands *e = async->data;
    struct errand_work *w, *next;

    loop_wake_up(&e->server->loop);
    for (w = LIST_FIRST(&e->list); w; w = next) {
        next = LIST_NEXT(w, link);
        if (!w->has_failed)
            continue;
        tell(w);
        next = LIST_FIRST(&e->list); /* the list may be another */
    }
}

static void on_result(void *context, enum metrics_check result, const char *detail)
{
    struct errand_work *w = context;

    w->probe = NULL; /* closed already */
    if (result != METRICS_CHECK_OK)
        w->answer.status = 0;
    snprintf(w->reason, sizeof(w->reason), "%s", detail);
    tell(w);
}

/* ---- The request ----------------------------------------------------------------------------- */

static void write_head(struct errand_work *w, struct str host)
{
    const struct api_errand *e = w->errand;

    buffer_lit(&w->request, " HTTP/1.1\r\nHost: ");
    buffer_add(&w->request, host);
    buffer_lit(&w->request, "\r\nContent-Type: ");
    buffer_add(&w->request, str_of(e->content_type ? e->content_type : "application/json"));
    buffer_lit(&w->request, "\r\nUser-Agent: weir\r\n");
    buffer_add(&w->request, e->fields);
    buffer_lit(&w->request, "Connection: close\r\nContent-Length: ");
    buffer_number(&w->request, e->body.n);
    buffer_lit(&w->request, "\r\n\r\n");
    buffer_add(&w->request, e->body);
}

static void open_probe(struct errand_work *w, int fd, const union address *address)
{
    struct health_probe_errand errand = {
        .request = buffer_text(&w->request), .fd = fd, .answer = &w->answer};
    struct health_probe_order order = {.loop = &w->errands->server->loop,
                                       .address = address,
                                       .errand = &errand,
                                       .tls = w->tls,
                                       .on_result = on_result,
                                       .context = w};
    char detail[HEALTH_PROBE_DETAIL];
    enum metrics_check result;

    w->probe = health_probe_open(&order, &result, detail);
    if (!w->probe)
        fail(w, detail);
}

/* ---- Functions ------------------------------------------------------------------------------- */

static void invoke(struct errand_work *w)
{
    const struct api_errand *e = w->errand;
    struct handover *handover = handover_make(STR(""));
    int fds[2];

    buffer_lit(&w->request, "POST /2015-03-31/functions/");
    buffer_add(&w->request, e->function);
    buffer_lit(&w->request, "/invocations");
    if (e->qualifier.n > 0) {
        buffer_lit(&w->request, "?Qualifier=");
        buffer_add(&w->request, e->qualifier);
    }
    write_head(w, STR("localhost"));
    if (!handover || w->request.is_out ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0) {
        handover_free(&handover);
        fail(w, "weir is out of memory or descriptors");
        return;
    }
    handover->io.fd = fds[1];
    handover->has_certificate = true; /* weir itself */
    open_probe(w, fds[0], NULL);
    w->errands->hand_over(w->errands->server, &handover);
}

/* ---- URLs ------------------------------------------------------------------------------------ */

static int make_tls(struct errand_work *w, struct str address)
{
    char host[256];
    const struct origin_spec spec = {.is_tls = true,
                                     .host = address,
                                     .port = w->url.port,
                                     .tls = {.verify = true, .server_name = host}};
    const char *reason = "weir is out of memory";

    snprintf(host, sizeof(host), "%.*s", STR_ARG(w->url.host));
    w->origin = registry_origin(w->errands->server->registry, &spec);
    if (w->origin && tls_origin_prepare(w->origin, &reason) == 0)
        w->tls = tls_origin_make(w->origin, &reason);
    if (w->tls)
        return 0;
    fail(w, reason);
    return -1;
}

static void connect_to(struct errand_work *w, const char *text)
{
    union address address = {.any = {.sa_family = AF_UNSPEC}};

    if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(w->url.port);
    } else if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(w->url.port);
    }
    if (!w->url.is_tls || make_tls(w, str_of(text)) == 0)
        open_probe(w, -1, &address);
}

static void on_answer(void *context, const struct dns_answer *answer)
{
    struct errand_work *w = context;
    char reason[ERRAND_REASON_MAX];

    w->query = NULL;
    if (answer->nr > 0) {
        connect_to(w, answer->places[0].address);
        return;
    }
    snprintf(reason, sizeof(reason), "its host name could not be resolved: %s", answer->failure);
    fail(w, reason);
}

/* The URL's path with its query, and its host with its port, as they are written. */
static void write_post(struct errand_work *w)
{
    const char *authority = strstr(w->url_text, "://") + 3;
    size_t n = strcspn(authority, "/?");
    struct str target = str_of(authority + n);

    buffer_lit(&w->request, "POST ");
    if (target.n == 0 || target.p[0] != '/')
        buffer_lit(&w->request, "/");
    buffer_add(&w->request, target);
    write_head(w, (struct str){authority, n});
}

static void post(struct errand_work *w)
{
    struct errands *e = w->errands;
    const char *wrong;
    char name[256];

    w->url_text = strdup(w->errand->url);
    wrong = w->url_text ? url_parse(str_until(str_of(w->url_text), '?'), &w->url)
                        : "is too long for weir's memory";
    if (wrong || w->url.is_srv) {
        fail(w, wrong ? wrong : "must begin with http:// or https://");
        return;
    }
    write_post(w);
    if (w->request.is_out) {
        fail(w, "weir is out of memory");
    } else if (w->url.name.n == 0) {
        snprintf(name, sizeof(name), "%.*s", STR_ARG(w->url.host));
        connect_to(w, name);
    } else {
        snprintf(name, sizeof(name), "%.*s", STR_ARG(w->url.name));
        w->query = dns_ask(e->dns, name, false, w->url.port, on_answer, w);
        if (!w->query)
            fail(w, "weir is out of memory");
    }
}

/* ---- Life ------------------------------------------------------------------------------------ */

int errands_begin(struct errands *e, struct api_errand *errand)
{
    struct errand_work *w = calloc(1, sizeof(*w));

    if (!w)
        return -1;
    w->errands = e;
    w->errand = errand;
    errand->work = w;
    LIST_INSERT_HEAD(&e->list, w, link);
    if (dns_set_servers(e->dns, e->server->shared.settings->upstream.dns_servers) < 0)
        fail(w, "weir is out of memory");
    else if (errand->url)
        post(w);
    else
        invoke(w);
    return 0;
}

void errands_forget(struct errands *e, struct api_errand *errand)
{
    (void)e;
    if (errand->work)
        end(errand->work);
}

int errands_init(struct errands *e, struct server *server,
                 void (*hand_over)(void *context, struct handover **handover))
{
    e->server = server;
    e->hand_over = hand_over;
    LIST_INIT(&e->list);
    e->failed.data = e;
    e->dns = dns_make(&server->loop);
    return e->dns && uv_async_init(&server->loop.uv, &e->failed, on_failed) == 0 ? 0 : -1;
}

void errands_fini(struct errands *e)
{
    if (!e->server)
        return;
    while (!LIST_EMPTY(&e->list))
        end(LIST_FIRST(&e->list));
    if (e->dns)
        dns_free(&e->dns);
    e->server = NULL;
}

/* One call is one try after the other, each at one endpoint. Calls that need a token wait for the
 * one request that asks for it. */
#include "store/etcd.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uv.h>

#include "store/httpclient.h"
#include "store/reason.h"

enum { ANSWER_MAX = 64 * 1024 * 1024, TRIES_MIN = 2, URL_MAX = 600, REASON_MAX = 700 };

/* gRPC's codes of answers after which a write may have been done all the same. */
enum { GRPC_CANCELLED = 1, GRPC_UNKNOWN = 2, GRPC_DEADLINE = 4, GRPC_INTERNAL = 13 };

static const char NO_MEMORY[] = "out of memory";

struct etcd_call {
    TAILQ_ENTRY(etcd_call) link;
    struct etcd *etcd;
    char path[40];
    struct buffer body;
    bool is_write, is_auth;
    bool is_waiting;              /* for a token */
    bool has_new_token;           /* it was refused once, and asked for another */
    int nr_tries, endpoint;       /* of the try that runs */
    struct httpclient_call *http; /* NULL while it waits */
    etcd_line *line;
    etcd_told *told;
    void *context;
};

struct etcd {
    struct httpclient *http;
    char **endpoints;
    int nr_endpoints, endpoint;
    uint64_t timeout_ms;
    char *username, *password, *token;
    struct etcd_call *auth; /* asks for a token; NULL: none does */
    TAILQ_HEAD(, etcd_call) calls;
};

static int begin_try(struct etcd_call *call);
static void start_auth(struct etcd *etcd);

/* ---- Ending ---------------------------------------------------------------------------------- */

static void free_call(struct etcd_call *call)
{
    TAILQ_REMOVE(&call->etcd->calls, call, link);
    httpclient_cancel(&call->http);
    buffer_fini(&call->body);
    free(call);
}

void etcd_cancel(struct etcd_call **call)
{
    struct etcd_call *c = *call;

    *call = NULL;
    if (c)
        free_call(c);
}

static void end(struct etcd_call *call, enum etcd_fate fate, struct etcdjson_answer *answer,
                const char *reason)
{
    etcd_told *told = call->told;
    void *context = call->context;

    free_call(call);
    told(context, fate, fate == ETCD_ANSWERED ? answer : NULL, reason);
}

/* ---- Tries ----------------------------------------------------------------------------------- */

static bool is_out_of_tries(const struct etcd_call *call)
{
    int nr = call->etcd->nr_endpoints;

    return call->nr_tries >= (nr > TRIES_MIN ? nr : TRIES_MIN);
}

/* The endpoint has failed: whoever asks next asks the next one. */
static void leave_endpoint(struct etcd_call *call)
{
    struct etcd *etcd = call->etcd;

    if (etcd->endpoint == call->endpoint)
        etcd->endpoint = (etcd->endpoint + 1) % etcd->nr_endpoints;
}

/* There is no answer, or one that says that this endpoint cannot. */
static void fail(struct etcd_call *call, bool was_sent, const char *why)
{
    bool is_known = !call->is_write || !was_sent;
    char reason[REASON_MAX];

    snprintf(reason, sizeof(reason), "etcd at %s: %s", call->etcd->endpoints[call->endpoint], why);
    leave_endpoint(call);
    if (!is_known || call->line || is_out_of_tries(call) || begin_try(call) < 0)
        end(call, is_known ? ETCD_NOT_SENT : ETCD_UNKNOWN, NULL, reason);
}

static bool is_token_refused(const struct etcdjson_answer *answer)
{
    return answer->error && (answer->code == ETCDJSON_UNAUTHENTICATED ||
                             strstr(answer->error, "invalid auth token"));
}

static bool is_undecided(const struct etcdjson_answer *answer)
{
    if (!answer->error)
        return false;
    switch (answer->code) {
    case ETCDJSON_UNAVAILABLE:
    case GRPC_CANCELLED:
    case GRPC_UNKNOWN:
    case GRPC_DEADLINE:
    case GRPC_INTERNAL:
        return true;
    default:
        return false;
    }
}

/* Asks for another token, and then makes the request again. */
static void renew_token(struct etcd_call *call)
{
    free(call->etcd->token);
    call->etcd->token = NULL;
    call->has_new_token = true;
    if (begin_try(call) < 0)
        end(call, ETCD_NOT_SENT, NULL, NO_MEMORY);
}

static void on_answer(void *context, const struct httpclient_answer *http)
{
    struct etcd_call *call = context;
    struct etcdjson_answer answer;
    char reason[REASON_MAX];

    call->http = NULL;
    if (http->reason) {
        fail(call, http->was_sent, http->reason);
        return;
    }
    if (call->line) {
        end(call, ETCD_UNKNOWN, NULL, "the watch has ended");
        return;
    }
    if (etcdjson_read(&answer, http->status, http->body) < 0)
        fail(call, true, "this is no answer of etcd's JSON gateway");
    else if (is_token_refused(&answer) && call->etcd->username && !call->is_auth &&
             !call->has_new_token)
        renew_token(call);
    else if (is_undecided(&answer))
        fail(call, true, answer.error);
    else {
        snprintf(reason, sizeof(reason), "etcd at %s: %s", call->etcd->endpoints[call->endpoint],
                 answer.error ? answer.error : "");
        end(call, ETCD_ANSWERED, &answer, answer.error ? reason : NULL);
    }
    etcdjson_fini(&answer);
}

static void on_line(void *context, struct str line)
{
    struct etcd_call *call = context;
    struct etcdjson_answer answer;

    if (etcdjson_read(&answer, 200, line) == 0)
        call->line(call->context, &answer);
    etcdjson_fini(&answer);
}

/* 0, or -1 when out of memory. */
static int begin_try(struct etcd_call *call)
{
    struct etcd *etcd = call->etcd;
    char url[URL_MAX];
    const struct httpclient_request request = {.url = url,
                                               .body = buffer_text(&call->body),
                                               .authorization = call->is_auth ? NULL : etcd->token,
                                               .timeout_ms = etcd->timeout_ms,
                                               .answer_max = ANSWER_MAX,
                                               .line = call->line ? on_line : NULL};

    if (etcd->username && !etcd->token && !call->is_auth) {
        call->is_waiting = true;
        start_auth(etcd);
        return etcd->auth ? 0 : -1;
    }
    call->is_waiting = false;
    call->nr_tries++;
    call->endpoint = etcd->endpoint;
    snprintf(url, sizeof(url), "%s%s", etcd->endpoints[call->endpoint], call->path);
    call->http = httpclient_post(etcd->http, &request, on_answer, call);
    return call->http ? 0 : -1;
}

/* ---- Tokens ---------------------------------------------------------------------------------- */

static void on_token(void *context, enum etcd_fate fate, struct etcdjson_answer *answer,
                     const char *reason)
{
    struct etcd *etcd = context;
    struct etcd_call *call, *next;

    etcd->auth = NULL;
    if (answer && answer->token) {
        etcd->token = answer->token;
        answer->token = NULL;
    } else if (answer && !reason) {
        reason = "etcd has no users: authentication is not enabled there";
    }
    /* Those that wait now; whoever is told may make new ones, which wait for the next token. */
    for (call = TAILQ_FIRST(&etcd->calls); call; call = next) {
        next = TAILQ_NEXT(call, link);
        if (!call->is_waiting)
            continue;
        if (!etcd->token || begin_try(call) < 0) {
            end(call, fate == ETCD_ANSWERED && !etcd->token ? fate : ETCD_NOT_SENT, answer,
                etcd->token ? NO_MEMORY : reason);
            next = etcd->auth ? NULL : TAILQ_FIRST(&etcd->calls);
        }
    }
}

static void start_auth(struct etcd *etcd)
{
    struct buffer body = {0};

    if (etcd->auth)
        return;
    etcdjson_ask_token(&body, str_of(etcd->username), str_of(etcd->password));
    etcd->auth = etcd_ask(etcd, "/v3/auth/authenticate", &body, false, on_token, etcd);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static struct etcd_call *make_call(struct etcd *etcd, const char *path, struct buffer *body,
                                   etcd_told *told, void *context)
{
    struct etcd_call *call = body->is_out ? NULL : calloc(1, sizeof(*call));

    if (!call) {
        buffer_fini(body);
        return NULL;
    }
    call->etcd = etcd;
    call->body = *body;
    *body = (struct buffer){0};
    assert(strlen(path) < sizeof(call->path));
    snprintf(call->path, sizeof(call->path), "%s", path);
    call->is_auth = strcmp(path, "/v3/auth/authenticate") == 0;
    call->told = told;
    call->context = context;
    TAILQ_INSERT_TAIL(&etcd->calls, call, link);
    return call;
}

static struct etcd_call *begin(struct etcd_call *call)
{
    if (begin_try(call) < 0)
        etcd_cancel(&call);
    return call;
}

struct etcd_call *etcd_ask(struct etcd *etcd, const char *path, struct buffer *body, bool is_write,
                           etcd_told *told, void *context)
{
    struct etcd_call *call = make_call(etcd, path, body, told, context);

    if (!call)
        return NULL;
    call->is_write = is_write;
    return begin(call);
}

struct etcd_call *etcd_watch(struct etcd *etcd, struct buffer *body, etcd_line *line,
                             etcd_told *told, void *context)
{
    struct etcd_call *call = make_call(etcd, "/v3/watch", body, told, context);

    if (!call)
        return NULL;
    call->line = line;
    return begin(call);
}

const char *etcd_endpoint(const struct etcd *etcd)
{
    return etcd->endpoints[etcd->endpoint];
}

/* ---- Life ------------------------------------------------------------------------------------ */

static int copy_to(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to ? 0 : -1;
}

static int copy_options(struct etcd *etcd, const struct etcd_options *options)
{
    int r = copy_to(&etcd->username, options->username);

    r |= copy_to(&etcd->password, options->password);
    etcd->timeout_ms = options->timeout_ms;
    etcd->endpoints = calloc((size_t)options->nr_endpoints, sizeof(etcd->endpoints[0]));
    if (!etcd->endpoints)
        return -1;
    for (int i = 0; i < options->nr_endpoints; i++) {
        size_t n = strlen(options->endpoints[i]);

        r |= copy_to(&etcd->endpoints[i], options->endpoints[i]);
        if (r == 0 && n > 0 && etcd->endpoints[i][n - 1] == '/')
            etcd->endpoints[i][n - 1] = '\0';
        etcd->nr_endpoints++;
    }
    return r;
}

struct etcd *etcd_make(const struct etcd_options *options, struct store_reason *reason)
{
    const struct httpclient_options http = {.host = options->host,
                                            .ca_file = options->ca_file,
                                            .certificate = options->certificate,
                                            .key = options->key};
    struct etcd *etcd = calloc(1, sizeof(*etcd));

    assert(options->nr_endpoints > 0);
    reason_say(reason, "out of memory");
    if (!etcd)
        return NULL;
    TAILQ_INIT(&etcd->calls);
    if (copy_options(etcd, options) == 0)
        etcd->http = httpclient_make(&http, reason);
    if (!etcd->http)
        etcd_free(&etcd);
    return etcd;
}

void etcd_free(struct etcd **etcd)
{
    struct etcd *e = *etcd;
    struct etcd_call *call;

    *etcd = NULL;
    if (!e)
        return;
    while ((call = TAILQ_FIRST(&e->calls)))
        free_call(call);
    httpclient_free(&e->http);
    for (int i = 0; i < e->nr_endpoints; i++)
        free(e->endpoints[i]);
    free(e->endpoints);
    free(e->username);
    free(e->password);
    free(e->token);
    free(e);
}

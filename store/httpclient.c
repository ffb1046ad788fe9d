/* libcurl on a libuv loop: curl says which sockets it waits for (on_socket) and for how long
 * (on_timer); handles of the loop tell curl what came (act). What curl calls only takes notes: all
 * is told at the end of act, when curl may be called again. */
#include "store/httpclient.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uv.h>

#include "base/buffer.h"
#include "store/reason.h"

enum { CONNECTIONS_MAX = 8 };

struct httpclient_call {
    TAILQ_ENTRY(httpclient_call) link; /* of client->going, or client->ended */
    struct httpclient *client;
    CURL *easy;
    struct curl_slist *fields;
    struct buffer answer;
    size_t answer_max;
    bool is_ended, is_too_large;
    CURLcode result;
    void (*line)(void *context, struct str line);
    httpclient_told *told;
    void *context;
    char error[CURL_ERROR_SIZE];
};

struct httpclient {
    struct store_host host;
    char *ca_file, *certificate, *key;
    CURLM *multi;
    uv_timer_t *timer;
    TAILQ_HEAD(calls, httpclient_call) going;
    struct calls ended; /* to be told */
    bool is_telling;
};

/* One socket that curl waits for. */
struct watched {
    uv_poll_t poll;
    struct httpclient *client;
    curl_socket_t socket;
};

/* ---- Calls ----------------------------------------------------------------------------------- */

static void free_call(struct httpclient_call *call)
{
    if (call->easy)
        curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->fields);
    buffer_fini(&call->answer);
    free(call);
}

/* Out of its list, and out of curl. */
static void unlink_call(struct httpclient_call *call)
{
    struct httpclient *client = call->client;

    if (call->is_ended) {
        TAILQ_REMOVE(&client->ended, call, link);
        return;
    }
    TAILQ_REMOVE(&client->going, call, link);
    curl_multi_remove_handle(client->multi, call->easy);
}

void httpclient_cancel(struct httpclient_call **call)
{
    struct httpclient_call *c = *call;

    *call = NULL;
    if (!c)
        return;
    unlink_call(c);
    free_call(c);
}

static size_t on_bytes(char *p, size_t size, size_t n, void *context)
{
    struct httpclient_call *call = context;
    size_t bytes = size * n;

    if (call->answer.n + bytes > call->answer_max) {
        call->is_too_large = true;
        return 0;
    }
    buffer_add(&call->answer, (struct str){p, bytes});
    return call->answer.is_out ? 0 : bytes;
}

/* 0, or -1. */
static int add_field(struct httpclient_call *call, const char *field)
{
    struct curl_slist *list = curl_slist_append(call->fields, field);

    if (!list)
        return -1;
    call->fields = list;
    return 0;
}

static int set_fields(struct httpclient_call *call, const char *authorization)
{
    struct buffer field = {0};
    int r = add_field(call, "Content-Type: application/json");

    if (r == 0)
        r = add_field(call, "Expect:"); /* or curl waits a second before a large body */
    if (r < 0 || !authorization)
        return r;
    buffer_lit(&field, "Authorization: ");
    buffer_add(&field, str_of(authorization));
    buffer_char(&field, '\0');
    r = field.is_out ? -1 : add_field(call, field.p);
    buffer_fini(&field);
    return r;
}

static bool set_tls(const struct httpclient_call *call)
{
    const struct httpclient *client = call->client;
    bool is_set = true;

    if (client->ca_file)
        is_set &= curl_easy_setopt(call->easy, CURLOPT_CAINFO, client->ca_file) == CURLE_OK;
    if (client->certificate)
        is_set &= curl_easy_setopt(call->easy, CURLOPT_SSLCERT, client->certificate) == CURLE_OK;
    if (client->key)
        is_set &= curl_easy_setopt(call->easy, CURLOPT_SSLKEY, client->key) == CURLE_OK;
    return is_set;
}

/* No proxy, whatever the environment says: this is between weir and its store. */
static bool set_up(struct httpclient_call *call, const struct httpclient_request *request)
{
    CURL *easy = call->easy;
    bool is_set = set_tls(call);
    long timeout_ms = (long)request->timeout_ms;

    is_set &= curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->fields) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n) ==
              CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body.p) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_PRIVATE, call) == CURLE_OK;
    is_set &= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms) == CURLE_OK;
    if (!request->line)
        is_set &= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK;
    return is_set;
}

struct httpclient_call *httpclient_post(struct httpclient *client,
                                        const struct httpclient_request *request,
                                        httpclient_told *told, void *context)
{
    struct httpclient_call *call = calloc(1, sizeof(*call));

    assert(request->timeout_ms > 0);
    if (!call)
        return NULL;
    call->client = client;
    call->answer_max = request->answer_max;
    call->line = request->line;
    call->told = told;
    call->context = context;
    call->easy = curl_easy_init();
    if (!call->easy || set_fields(call, request->authorization) < 0 || !set_up(call, request) ||
        curl_multi_add_handle(client->multi, call->easy) != CURLM_OK) {
        free_call(call);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&client->going, call, link);
    return call;
}

/* ---- Telling --------------------------------------------------------------------------------- */

static void tell(struct httpclient_call *call)
{
    struct httpclient_answer answer = {.status = 0};
    long status = 0, sent = 0;

    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &sent);
    buffer_char(&call->answer, '\0');
    answer.was_sent = sent > 0;
    if (call->is_too_large)
        answer.reason = "the answer is too large";
    else if (call->answer.is_out)
        answer.reason = "out of memory";
    else if (call->result != CURLE_OK)
        answer.reason = call->error[0] ? call->error : curl_easy_strerror(call->result);
    if (!answer.reason) {
        answer.status = (int)status;
        answer.body = (struct str){call->answer.p, call->answer.n - 1};
    }
    call->told(call->context, &answer);
    free_call(call);
}

/* The first line of the stream, if it has come as a whole, is told and taken out. */
static bool tell_line(struct httpclient_call *call)
{
    char *end = call->answer.n > 0 ? memchr(call->answer.p, '\n', call->answer.n) : NULL;
    struct buffer line = {0};

    if (!end)
        return false;
    buffer_add(&line, (struct str){call->answer.p, (size_t)(end - call->answer.p)});
    call->answer.n -= line.n + 1;
    memmove(call->answer.p, end + 1, call->answer.n);
    call->line(call->context, buffer_text(&line)); /* the call may have gone now */
    buffer_fini(&line);
    return true;
}

/* Whoever is told may cancel calls and make new ones, so we look anew after each. */
static bool tell_a_line(struct httpclient *client)
{
    struct httpclient_call *call;

    TAILQ_FOREACH(call, &client->going, link)
    {
        if (call->line && tell_line(call))
            return true;
    }
    TAILQ_FOREACH(call, &client->ended, link)
    {
        if (call->line && tell_line(call))
            return true;
    }
    return false;
}

static void tell_all(struct httpclient *client)
{
    struct httpclient_call *call;

    client->is_telling = true;
    for (;;) {
        if (tell_a_line(client))
            continue;
        call = TAILQ_FIRST(&client->ended);
        if (!call)
            break;
        TAILQ_REMOVE(&client->ended, call, link);
        tell(call);
    }
    client->is_telling = false;
}

static void take_ended(struct httpclient *client)
{
    struct httpclient_call *call;
    const CURLMsg *message;
    CURLcode result;
    CURL *easy;
    int nr;

    while ((message = curl_multi_info_read(client->multi, &nr))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        easy = message->easy_handle;
        result = message->data.result;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
        call->result = result;
        curl_multi_remove_handle(client->multi, easy); /* the message is gone now */
        TAILQ_REMOVE(&client->going, call, link);
        call->is_ended = true;
        TAILQ_INSERT_TAIL(&client->ended, call, link);
    }
}

static void act(struct httpclient *client, curl_socket_t socket, int what)
{
    int nr;

    if (client->host.wake_up)
        client->host.wake_up(client->host.context);
    curl_multi_socket_action(client->multi, socket, what, &nr);
    take_ended(client);
    tell_all(client);
}

/* ---- Curl's wishes --------------------------------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watched *watched = poll->data;
    int what = status < 0 ? CURL_CSELECT_ERR : 0;

    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    act(watched->client, watched->socket, what);
}

static void on_time(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long wait_ms, void *context)
{
    struct httpclient *client = context;

    (void)multi;
    if (wait_ms < 0) {
        uv_timer_stop(client->timer);
        return 0;
    }
    uv_update_time(client->host.loop);
    uv_timer_start(client->timer, on_time, (uint64_t)wait_ms, 0);
    return 0;
}

static void free_watched(uv_handle_t *handle)
{
    free(handle->data);
}

static struct watched *watch(struct httpclient *client, curl_socket_t socket)
{
    struct watched *watched = calloc(1, sizeof(*watched));

    if (!watched)
        return NULL;
    if (uv_poll_init_socket(client->host.loop, &watched->poll, socket) < 0) {
        free(watched);
        return NULL;
    }
    watched->poll.data = watched;
    watched->client = client;
    watched->socket = socket;
    curl_multi_assign(client->multi, socket, watched);
    return watched;
}

/* A socket that cannot be watched stays silent: the call's time then ends it. */
static int on_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *of_socket)
{
    struct httpclient *client = context;
    struct watched *watched = of_socket;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watched) {
            curl_multi_assign(client->multi, socket, NULL);
            uv_close((uv_handle_t *)&watched->poll, free_watched);
        }
        return 0;
    }
    if (what & CURL_POLL_IN)
        events |= UV_READABLE;
    if (what & CURL_POLL_OUT)
        events |= UV_WRITABLE;
    if (!watched)
        watched = watch(client, socket);
    if (watched)
        uv_poll_start(&watched->poll, events, on_poll);
    return 0;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void free_timer(uv_handle_t *handle)
{
    free(handle);
}

static int copy_to(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to ? 0 : -1;
}

static int make_multi(struct httpclient *client)
{
    client->multi = curl_multi_init();
    client->timer = calloc(1, sizeof(*client->timer));
    if (!client->multi || !client->timer)
        return -1;
    uv_timer_init(client->host.loop, client->timer);
    client->timer->data = client;
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
    curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return 0;
}

struct httpclient *httpclient_make(const struct httpclient_options *options,
                                   struct store_reason *reason)
{
    struct httpclient *client;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        reason_say(reason, "libcurl cannot be used");
        return NULL;
    }
    client = calloc(1, sizeof(*client));
    if (!client) {
        curl_global_cleanup();
        reason_say(reason, "out of memory");
        return NULL;
    }
    client->host = options->host;
    TAILQ_INIT(&client->going);
    TAILQ_INIT(&client->ended);
    if (copy_to(&client->ca_file, options->ca_file) < 0 ||
        copy_to(&client->certificate, options->certificate) < 0 ||
        copy_to(&client->key, options->key) < 0 || make_multi(client) < 0) {
        httpclient_free(&client);
        reason_say(reason, "out of memory");
    }
    return client;
}

void httpclient_free(struct httpclient **client)
{
    struct httpclient *c = *client;
    struct httpclient_call *call;

    *client = NULL;
    if (!c)
        return;
    assert(!c->is_telling);
    while ((call = TAILQ_FIRST(&c->going)) || (call = TAILQ_FIRST(&c->ended)))
        httpclient_cancel(&call);
    if (c->multi)
        curl_multi_cleanup(c->multi);
    if (c->timer && c->timer->data)
        uv_close((uv_handle_t *)c->timer, free_timer);
    else
        free(c->timer);
    free(c->ca_file);
    free(c->certificate);
    free(c->key);
    free(c);
    curl_global_cleanup();
}

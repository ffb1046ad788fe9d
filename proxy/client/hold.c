/* Holding requests until their signatures are verified. */
#include "proxy/client/hold.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "conf/credentials.h"
#include "control/access.h"
#include "control/permit.h"
#include "proxy/client/intake.h"
#include "proxy/http/fieldlist.h"
#include "router/invoke.h"

/* How much of what was held is read again at once: between two pieces the endpoint's side can ask
 * for a pause. */
enum { REPLAY_BYTES = 65536 };

struct hold {
    struct sigv4 *sigv4;
    struct buffer bytes;   /* the request as it came */
    size_t head_bytes, at; /* at: read again so far */
    uint64_t body_bytes;
    size_t function_n, qualifier_n;
    char function[INVOKE_NAME_MAX], qualifier[INVOKE_QUALIFIER_MAX];
};

void hold_free(struct hold **hold)
{
    struct hold *h = *hold;

    *hold = NULL;
    if (!h)
        return;
    sigv4_free(&h->sigv4);
    buffer_fini(&h->bytes);
    free(h);
}

/* ---- Refusing -------------------------------------------------------------------------------- */

static void refuse(struct client *c, const struct sigv4_refusal *refusal)
{
    hold_free(&c->hold);
    if (strcmp(refusal->type, "ServiceException") == 0)
        intake_refuse(c, 503, refusal->type, refusal->message, METRICS_REJECTION_NO_MEMORY);
    else
        intake_refuse(c, 403, refusal->type, refusal->message, METRICS_REJECTION_UNAUTHORIZED);
}

static void refuse_memory(struct client *c)
{
    hold_free(&c->hold);
    intake_refuse(c, 503, "ServiceException", "weir is out of memory.",
                  METRICS_REJECTION_NO_MEMORY);
}

static void refuse_size(struct client *c)
{
    struct sigv4_refusal text; /* for its room */

    sigv4_refuse(&text, "",
                 "Request must be smaller than %llu bytes for the InvokeFunction operation",
                 (unsigned long long)c->tuning->settings->limits.invoke_body_bytes);
    hold_free(&c->hold);
    intake_refuse(c, 413, "RequestEntityTooLargeException", text.message,
                  METRICS_REJECTION_BODY_TOO_LARGE);
}

/* ---- Deciding -------------------------------------------------------------------------------- */

static struct str find_field(const struct sigv4_request *request, struct str name)
{
    for (int i = 0; i < request->nr_fields; i++)
        if (str_ieq(request->fields[i].name, name))
            return request->fields[i].value;
    return (struct str){NULL, 0};
}

static size_t copy_name(char *to, struct str from, size_t max)
{
    if (from.n > max)
        return 0; /* there is no such function */
    memcpy(to, from.p ? from.p : "", from.n);
    return from.n;
}

static bool is_permitted(const struct client *c, const struct hold *h,
                         const struct credentials_key *key, struct sigv4_refusal *refusal)
{
    const struct settings *s = c->tuning->settings;
    struct permit permit = {
        .right = CREDENTIALS_INVOKE,
        .action = "lambda:InvokeFunction",
        .function = {h->function, h->function_n},
        .qualifier = {h->qualifier, h->qualifier_n},
        .home = {str_of(s->aws.region), str_of(s->aws.account_id)},
    };

    return permit_check(key, &permit, refusal);
}

/* The signature, once all that it covers is there. */
static bool is_right(struct client *c, struct sigv4_refusal *refusal)
{
    const struct credentials_key *key = sigv4_end(&c->hold->sigv4, refusal);

    return key && is_permitted(c, c->hold, key, refusal);
}

/* The requests of the admin listener that need no signature. False where it has been refused. */
static bool is_open(struct client *c, const struct sigv4_request *request, bool *is_signed)
{
    const struct settings *s = c->tuning->settings;
    bool has_certificate = c->has_certificate;
    const char *message;

    *is_signed = access_is_guarded(s) && access_look(s, find_field(request, STR("authorization")),
                                                     has_certificate) == ACCESS_SIGNATURE;
    if (*is_signed || (access_is_guarded(s) && !has_certificate))
        return true;
    message = access_check_page(s, find_field(request, STR("host")),
                                find_field(request, STR("origin")), true);
    if (message)
        intake_refuse(c, 403, "AccessDeniedException", message, METRICS_REJECTION_UNAUTHORIZED);
    return !message;
}

static bool begin(struct client *c, const struct head *head, const struct sigv4_request *request,
                  const struct invoke_address *address)
{
    const struct settings *s = c->tuning->settings;
    struct hold *h = c->hold = calloc(1, sizeof(*h));
    struct sigv4_refusal refusal;

    if (!h) {
        refuse_memory(c);
        return false;
    }
    h->function_n = copy_name(h->function, address->function, sizeof(h->function));
    h->qualifier_n = copy_name(h->qualifier, address->qualifier, sizeof(h->qualifier));
    h->sigv4 = sigv4_begin(request, s->secrets.credentials, &refusal);
    if (!h->sigv4) {
        refuse(c, &refusal);
        return false;
    }
    if (head->body == BODY_LENGTH && head->content_length > s->limits.invoke_body_bytes) {
        refuse_size(c);
        return false;
    }
    if (!c->is_body_read)
        return true;
    if (!is_right(c, &refusal)) {
        refuse(c, &refusal);
        return false;
    }
    hold_free(&c->hold);
    return true;
}

/* The client waits for this word before it sends the body. */
static bool send_continue(struct client *c)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec piece = {(void *)(uintptr_t)go_on, sizeof(go_on) - 1};

    c->is_expecting = false;
    return backlog_is_empty(&c->backlog) && io_write(&c->io, &piece, 1) == (ssize_t)piece.iov_len;
}

bool hold_admits(struct client *c, const struct head *head)
{
    struct sigv4_field fields[HEAD_FIELDS_MAX];
    struct sigv4_request request = {
        .method = head_method(head),
        .path = head_path(head),
        .query = head_query(head),
        .fields = fields,
        .region = c->tuning->settings->aws.region,
        .service = "lambda",
        .now_s = loop_unix_us(&c->worker->loop) / 1000000,
    };
    const struct settings *s = c->tuning->settings;
    struct arn_home home = {str_of(s->aws.region), str_of(s->aws.account_id)};
    struct invoke_address address = {.function = {NULL, 0}, .qualifier = {NULL, 0}};
    bool is_signed = true;

    if (c->is_proven) { /* it was held */
        c->is_proven = false;
        return true;
    }
    switch (invoke_parse(&address, &home, request.path, request.query)) {
    case INVOKE_NOT_THIS:
        return true;
    case INVOKE_OK:
        break;
    default: /* of no function, and to be refused later */
        address.function = address.qualifier = (struct str){NULL, 0};
    }
    request.nr_fields = fieldlist_take(head, fields);
    if (c->listener->guard == LISTENER_ADMIN && !is_open(c, &request, &is_signed))
        return false;
    if (!is_signed)
        return true;
    if (!begin(c, head, &request, &address))
        return false;
    if (!c->hold)
        return true;
    buffer_add(&c->hold->bytes, (struct str){head->base, head->bytes});
    c->hold->head_bytes = head->bytes;
    conn_goto(c, CLIENT_HELD);
    if (c->is_expecting && !send_continue(c))
        conn_close(c);
    return false;
}

/* ---- Holding --------------------------------------------------------------------------------- */

/* The whole request is there. */
static void finish(struct client *c, const char *rest, const char *end)
{
    struct hold *h = c->hold;
    struct sigv4_refusal refusal;

    c->is_body_read = true;
    if (rest < end && leftover_keep(&c->leftover, rest, (size_t)(end - rest)) < 0) {
        conn_close(c);
        return;
    }
    if (h->bytes.is_out) {
        refuse_memory(c);
        return;
    }
    if (!is_right(c, &refusal)) {
        refuse(c, &refusal);
        return;
    }
    c->is_proven = true;
    c->nr_requests--; /* it comes again */
    http1_fini(&c->parser);
    conn_begin_idle(c);
    io_again(&c->worker->loop, &c->io);
}

void hold_take(struct client *c, const char *cursor, const char *end)
{
    struct hold *h = c->hold;
    const char *start = cursor;

    conn_set_deadline(c, c->tuning->settings->timeouts.stream_idle_ms);
    for (;;) {
        struct str span;

        switch (http1_body_next(&c->parser, &cursor, end, &span)) {
        case HTTP1_SPAN:
            h->body_bytes += span.n;
            if (h->body_bytes > c->tuning->settings->limits.invoke_body_bytes) {
                refuse_size(c);
                return;
            }
            sigv4_body(h->sigv4, span);
            continue;
        case HTTP1_MORE:
            buffer_add(&h->bytes, (struct str){start, (size_t)(end - start)});
            return;
        case HTTP1_END:
            buffer_add(&h->bytes, (struct str){start, (size_t)(cursor - start)});
            finish(c, cursor, end);
            return;
        default:
            hold_free(&c->hold);
            intake_refuse(c, http1_error_status((enum head_error)c->parser.error),
                          "BadRequestException", c->parser.detail, METRICS_REJECTION_BAD_REQUEST);
            return;
        }
    }
}

bool hold_has_bytes(const struct client *c)
{
    return c->hold && (c->is_proven || c->hold->at > 0);
}

/* The head comes in one piece, and most often all of the body with it. */
void hold_replay(struct client *c)
{
    struct hold *h = c->hold;
    size_t n = h->bytes.n - h->at, most = REPLAY_BYTES + (h->at == 0 ? h->head_bytes : 0);
    struct str piece = {h->bytes.p + h->at, n < most ? n : most};

    h->at += piece.n;
    if (h->at == h->bytes.n)
        c->hold = NULL; /* the last piece */
    intake_take(c, piece.p, piece.n);
    if (!c->hold)
        hold_free(&h);
}

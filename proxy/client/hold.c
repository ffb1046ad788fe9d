/* Holding requests until their signatures are verified. */
#include "proxy/client/hold.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "conf/credentials.h"
#include "control/access.h"
#include "control/permit.h"
#include "proxy/http/fieldlist.h"
#include "router/invoke.h"

/* How much of what was held is read again at once: between two pieces the endpoint's side can ask
 * for a pause. */
enum { REPLAY_BYTES = 65536 };

struct hold {
    const struct settings *settings;
    struct sigv4 *sigv4;
    struct buffer bytes;   /* the request as it came */
    size_t head_bytes, at; /* at: read again so far */
    uint64_t body_bytes;
    bool has_passed;
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

/* The text says it already. */
static enum hold_result refuse(struct hold_refusal *refusal)
{
    bool is_service = strcmp(refusal->text.type, "ServiceException") == 0;

    refusal->status = is_service ? 503 : 403;
    refusal->why = is_service ? METRICS_REJECTION_NO_MEMORY : METRICS_REJECTION_UNAUTHORIZED;
    return HOLD_REFUSES;
}

static enum hold_result refuse_memory(struct hold_refusal *refusal)
{
    sigv4_refuse(&refusal->text, "ServiceException", "weir is out of memory.");
    return refuse(refusal);
}

static enum hold_result refuse_size(const struct settings *settings, struct hold_refusal *refusal)
{
    sigv4_refuse(&refusal->text, "RequestEntityTooLargeException",
                 "Request must be smaller than %llu bytes for the InvokeFunction operation",
                 (unsigned long long)settings->limits.invoke_body_bytes);
    refusal->status = 413;
    refusal->why = METRICS_REJECTION_BODY_TOO_LARGE;
    return HOLD_REFUSES;
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

static struct arn_home home_of(const struct settings *s)
{
    return (struct arn_home){str_of(s->aws.region), str_of(s->aws.account_id)};
}

/* The whole request has come: is its signature right, and does its key allow it? */
static enum hold_result decide(struct hold *h, struct hold_refusal *refusal)
{
    const struct credentials_key *key = sigv4_end(&h->sigv4, &refusal->text);
    struct permit permit = {
        .right = CREDENTIALS_INVOKE,
        .action = "lambda:InvokeFunction",
        .function = {h->function, h->function_n},
        .qualifier = {h->qualifier, h->qualifier_n},
        .home = home_of(h->settings),
    };

    return key && permit_check(key, &permit, &refusal->text) ? HOLD_PASSES : refuse(refusal);
}

/* On the admin listener: HOLD_PASSES where no signature is needed, HOLD_KEEPS where one is. */
static enum hold_result look_without_signature(const struct hold_asker *asker,
                                               const struct sigv4_request *request,
                                               struct hold_refusal *refusal)
{
    const struct settings *s = asker->settings;
    bool is_guarded = access_is_guarded(s);
    struct str authorization = find_field(request, STR("authorization"));
    const char *message;

    if (is_guarded && access_look(s, authorization, asker->has_certificate) == ACCESS_SIGNATURE)
        return HOLD_KEEPS;
    if (is_guarded && !asker->has_certificate)
        return HOLD_PASSES; /* it brings the token */
    message = access_check_page(s, find_field(request, STR("host")),
                                find_field(request, STR("origin")), true);
    if (!message)
        return HOLD_PASSES;
    sigv4_refuse(&refusal->text, "AccessDeniedException", "%s", message);
    return refuse(refusal);
}

static enum hold_result begin(struct hold *h, const struct head *head,
                              const struct sigv4_request *request,
                              const struct invoke_address *address, struct hold_refusal *refusal)
{
    const struct settings *s = h->settings;

    h->function_n = copy_name(h->function, address->function, sizeof(h->function));
    h->qualifier_n = copy_name(h->qualifier, address->qualifier, sizeof(h->qualifier));
    h->sigv4 = sigv4_begin(request, s->secrets.credentials, &refusal->text);
    if (!h->sigv4)
        return refuse(refusal);
    if (head->body == BODY_LENGTH && head->content_length > s->limits.invoke_body_bytes)
        return refuse_size(s, refusal);
    if (head->body == BODY_NONE)
        return decide(h, refusal);
    buffer_add(&h->bytes, (struct str){head->base, head->bytes});
    h->head_bytes = head->bytes;
    return HOLD_KEEPS;
}

enum hold_result hold_begin(struct hold **hold, const struct hold_asker *asker,
                            const struct head *head, struct hold_refusal *refusal)
{
    struct sigv4_field fields[HEAD_FIELDS_MAX];
    struct sigv4_request request = {
        .method = head_method(head),
        .path = head_path(head),
        .query = head_query(head),
        .fields = fields,
        .region = asker->settings->aws.region,
        .service = "lambda",
        .now_s = asker->now_s,
    };
    struct arn_home home = home_of(asker->settings);
    struct invoke_address address = {.function = {NULL, 0}, .qualifier = {NULL, 0}};
    enum invoke_result found = invoke_parse(&address, &home, request.path, request.query);
    enum hold_result result = HOLD_KEEPS;

    *hold = NULL;
    if (found == INVOKE_NOT_THIS)
        return HOLD_PASSES;
    if (found != INVOKE_OK) /* of no function, and to be refused later */
        address.function = address.qualifier = (struct str){NULL, 0};
    request.nr_fields = fieldlist_take(head, fields);
    if (asker->is_admin)
        result = look_without_signature(asker, &request, refusal);
    if (result != HOLD_KEEPS)
        return result;
    *hold = calloc(1, sizeof(**hold));
    if (!*hold)
        return refuse_memory(refusal);
    (*hold)->settings = asker->settings;
    result = begin(*hold, head, &request, &address, refusal);
    if (result != HOLD_KEEPS)
        hold_free(hold);
    return result;
}

/* ---- Holding --------------------------------------------------------------------------------- */

static enum hold_result refuse_broken(const struct http1 *parser, struct hold_refusal *refusal)
{
    sigv4_refuse(&refusal->text, "BadRequestException", "%s", parser->detail);
    refusal->status = http1_error_status((enum head_error)parser->error);
    refusal->why = METRICS_REJECTION_BAD_REQUEST;
    return HOLD_REFUSES;
}

static enum hold_result finish(struct hold *h, struct hold_refusal *refusal)
{
    enum hold_result result = h->bytes.is_out ? refuse_memory(refusal) : decide(h, refusal);

    h->has_passed = result == HOLD_PASSES;
    return result;
}

enum hold_result hold_take(struct hold *h, struct http1 *parser, const char **cursor,
                           const char *end, struct hold_refusal *refusal)
{
    const char *start = *cursor;

    for (;;) {
        struct str span;

        switch (http1_body_next(parser, cursor, end, &span)) {
        case HTTP1_SPAN:
            h->body_bytes += span.n;
            if (h->body_bytes > h->settings->limits.invoke_body_bytes)
                return refuse_size(h->settings, refusal);
            sigv4_body(h->sigv4, span);
            continue;
        case HTTP1_MORE:
            buffer_add(&h->bytes, (struct str){start, (size_t)(end - start)});
            return HOLD_KEEPS;
        case HTTP1_END:
            buffer_add(&h->bytes, (struct str){start, (size_t)(*cursor - start)});
            return finish(h, refusal);
        default:
            return refuse_broken(parser, refusal);
        }
    }
}

bool hold_has_passed(const struct hold *h)
{
    return h->has_passed;
}

bool hold_is_over(const struct hold *h)
{
    return h->at == h->bytes.n;
}

struct str hold_next(struct hold *h)
{
    size_t n = h->bytes.n - h->at, most = REPLAY_BYTES + (h->at == 0 ? h->head_bytes : 0);
    struct str piece = {h->bytes.p + h->at, n < most ? n : most};

    h->at += piece.n;
    return piece;
}

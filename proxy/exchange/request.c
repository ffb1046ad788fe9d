/* Writing request heads anew, and keeping them for retries. */
#include "proxy/exchange/request.h"

#include <errno.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/text.h"
#include "proxy/exchange/rules.h"
#include "proxy/http/copy.h"

/* What weir adds to a head beside what head_room and arn_room count. */
enum { ADDED_MAX = 512 };

/* ---- Traces ---------------------------------------------------------------------------------- */

static bool is_lower_hex(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f')))
            return false;
    return true;
}

/* "00-<32 hex>-<16 hex>-<2 hex>", neither id all zero (W3C Trace Context section 3.2). */
static bool is_traceparent(struct str s)
{
    if (s.n < 55 || s.p[2] != '-' || s.p[35] != '-' || s.p[52] != '-')
        return false;
    if (!is_lower_hex(s.p, 2) || memcmp(s.p, "ff", 2) == 0 ||
        (memcmp(s.p, "00", 2) == 0 && s.n != 55) || !is_lower_hex(s.p + 3, REQUEST_TRACE_ID) ||
        !is_lower_hex(s.p + 36, 16) || !is_lower_hex(s.p + 53, 2))
        return false;
    return memcmp(s.p + 3, "00000000000000000000000000000000", REQUEST_TRACE_ID) != 0 &&
           memcmp(s.p + 36, "0000000000000000", 16) != 0;
}

/* weir takes no part in traces: what came goes on, also what it cannot read itself. Only the log
 * wants to know which trace it was. */
static void take_trace_id(struct request *out, struct str traceparent)
{
    if (!is_traceparent(traceparent))
        return;
    memcpy(out->trace_id, traceparent.p + 3, REQUEST_TRACE_ID);
    out->has_trace_id = true;
}

void request_find_trace(struct request *out, const struct head *head)
{
    const struct head_field *f = head_find(head, FIELD_TRACEPARENT);

    if (f)
        take_trace_id(out, head_value(head, f));
}

/* ---- Forwarded fields ------------------------------------------------------------------------ */

/* What a trusted client says of those before it, however many fields it takes: its own word is the
 * last, and may not get lost behind what others made it pass on. */
static char *continue_forwarded_for(char *p, const struct head *head)
{
    for (int i = 0; i < head->nr_fields; i++) {
        const struct head_field *f = &head->fields[i];
        if (f->id != FIELD_X_FORWARDED_FOR || f->value_len == 0 || head_is_dropped(head, f))
            continue;
        p = text_str(p, head_value(head, f));
        p = text_lit(p, ", ");
    }
    return p;
}

static char *write_forwarded(char *p, struct request *out, const struct head *head,
                             const struct rules_found *found, const struct request_caller *from)
{
    if (from->address.n == 0) /* it is nobody's request */
        return p;
    p = text_lit(p, "X-Forwarded-For: ");
    if (found->has_forwarded_for)
        p = continue_forwarded_for(p, head);
    p = text_str(p, from->address);
    if (!found->has_forwarded_proto)
        p = from->is_tls ? text_lit(p, "\r\nX-Forwarded-Proto: https")
                         : text_lit(p, "\r\nX-Forwarded-Proto: http");
    if (!found->has_forwarded_host && out->host.n > 0) {
        p = text_lit(p, "\r\nX-Forwarded-Host: ");
        p = text_str(p, out->host);
    }
    return text_lit(p, "\r\n");
}

/* The path that was taken off, so that the endpoint can write links that lead back here. It follows
 * the paths that trusted proxies took off: "/outer" and "/app" become "/outer/app". */
static char *write_prefix(char *p, const struct head *head, const struct rules_found *found,
                          struct str stripped)
{
    p = text_lit(p, "X-Forwarded-Prefix: ");
    for (int i = 0; found->has_forwarded_prefix && i < head->nr_fields; i++) {
        struct str before = head_value(head, &head->fields[i]);
        if (head->fields[i].id != FIELD_X_FORWARDED_PREFIX ||
            head_is_dropped(head, &head->fields[i]))
            continue;
        while (before.n > 0 && before.p[before.n - 1] == '/')
            before.n--;
        p = text_str(p, before);
    }
    p = text_str(p, stripped);
    return text_lit(p, "\r\n");
}

/* The version is that of the message as it came (RFC 9110 section 7.6.3). */
static char *write_via(char *p, const struct tuning *tuning, const struct head *head)
{
    char *minor = p + sizeof("Via: 1.") - 1;

    p = text_str(p, (struct str){tuning->via_line, tuning->via_line_len});
    *minor = (char)('0' + head->minor);
    return p;
}

/* Methods whose requests usually have content say so when they have none (RFC 9110 section 8.6). */
static bool wants_length(struct str method)
{
    return str_eq(method, STR("POST")) || str_eq(method, STR("PUT")) ||
           str_eq(method, STR("PATCH"));
}

static char *write_framing(char *p, const struct head *head, const struct rules_found *found)
{
    if (head->body == BODY_CHUNKED)
        return text_lit(p, "Transfer-Encoding: chunked\r\n");
    if (head->body == BODY_LENGTH || found->has_length || wants_length(head_method(head))) {
        p = text_lit(p, "Content-Length: ");
        p = decimal_put(p, head->content_length);
        p = text_lit(p, "\r\n");
    }
    return p;
}

static char *write_upgrade(char *p, const struct head *head)
{
    const struct head_field *f = head_find(head, FIELD_UPGRADE);

    p = text_lit(p, "Connection: upgrade\r\n");
    return f ? copy_field(p, head, f) : p;
}

/* The first line and Host, which depend on the endpoint. */
static inline __attribute__((always_inline)) char *
write_target(char *p, struct request *out, const struct endpoint *endpoint, struct str suffix)
{
    const struct version *version = endpoint->version;
    struct str base = endpoint->base_path, method = out->is_post ? STR("POST") : out->method;

    out->method_len = (uint32_t)method.n;
    p = text_str(p, method);
    p = text_char(p, ' ');
    /* "/base/" + "/x" is "/base/x"; an empty suffix is the endpoint's own path. */
    if (suffix.n > 0 && suffix.p[0] == '/' && base.p[base.n - 1] == '/')
        base.n--;
    p = text_str(p, base);
    out->suffix_at = (uint32_t)(p - out->block);
    out->suffix_len = (uint32_t)suffix.n;
    memmove(p, suffix.p, suffix.n);
    p += suffix.n;
    p = text_lit(p, " HTTP/1.1\r\nHost: ");
    out->is_own_host = !version->host && !(version->preserve_host && out->host.n > 0);
    if (version->host)
        p = text_str(p, str_of(version->host));
    else if (out->is_own_host)
        p = text_str(p, (struct str){endpoint->origin->authority, endpoint->origin->authority_len});
    else
        p = text_str(p, out->host);
    p = text_lit(p, "\r\n");
    out->rest_at = (uint32_t)(p - out->block);
    return p;
}

static size_t arn_room(const struct tuning *tuning, const struct request_options *options)
{
    return options->is_invoke
               ? tuning->arn_line_len + options->function.n + options->qualifier.n + 3
               : 0;
}

/* By which ARN the function was invoked: what its runtime tells it. */
static char *write_arn(char *p, const struct tuning *tuning, const struct request_options *options)
{
    p = text_str(p, (struct str){tuning->arn_line, tuning->arn_line_len});
    p = text_str(p, options->function);
    if (options->qualifier.n > 0) {
        p = text_char(p, ':');
        p = text_str(p, options->qualifier);
    }
    return text_lit(p, "\r\n");
}

static int take_block(struct request *out, struct worker *w, size_t room)
{
    if (room > UINT32_MAX / 2)
        return -ENOMEM;
    out->room = (uint32_t)(room <= WORKER_BLOCK ? WORKER_BLOCK : room);
    out->block = room <= WORKER_BLOCK ? freelist_get(&w->blocks, WORKER_BLOCK) : malloc(room);
    return out->block ? 0 : -ENOMEM;
}

void request_fini(struct request *out, struct worker *w)
{
    if (!out->block)
        return;
    if (out->room == WORKER_BLOCK)
        freelist_put(&w->blocks, out->block);
    else
        free(out->block);
    out->block = NULL;
}

static struct str keep(char **p, struct str s)
{
    char *at = *p;

    *p = text_str(at, s);
    return (struct str){at, s.n};
}

static void choose_id(struct request *out, struct worker *w, const struct request_caller *from,
                      const struct head *head, struct str given)
{
    const struct head_field *f = from->is_trusted ? head_find(head, FIELD_REQUEST_ID) : NULL;

    if (given.n == ID_LENGTH)
        memcpy(out->request_id, given.p, ID_LENGTH);
    else if (f && id_is_uuid(head_value(head, f)))
        for (int i = 0; i < ID_LENGTH; i++)
            out->request_id[i] = str_lower(head_value(head, f).p[i]);
    else
        id_make(&w->rng, out->request_id);
}

static size_t head_room(const struct tuning *tuning, const struct head *head,
                        const struct endpoint *endpoint, const struct request_caller *from,
                        size_t host_len)
{
    const struct version *version = endpoint->version;

    return head->bytes + head->nr_fields + endpoint->base_path.n + 2 * host_len +
           endpoint->origin->authority_len + (version->host ? strlen(version->host) : 0) +
           tuning->via_line_len + from->address.n + tuning->certificate_name_len +
           from->certificate_subject.n + ADDED_MAX;
}

static struct str upgrade_of(const struct head *head)
{
    const struct head_field *f = head_find(head, FIELD_UPGRADE);

    return f ? head_value(head, f) : STR("");
}

/* Everything behind Host. */
static inline __attribute__((always_inline)) char *
write_rest(char *p, struct request *out, const struct tuning *tuning, const struct head *head,
           const struct request_caller *from, const struct request_options *options)
{
    struct rules_found found = {.is_trusted = from->is_trusted,
                                .is_prefix_stripped = options->prefix.n > 0};
    struct copy_run run = {0, 0};

    for (int i = 0; i < head->nr_fields; i++) {
        const struct head_field *f = &head->fields[i];
        if (head_is_dropped(head, f) || !rules_request_passes(tuning, head, f, &found))
            continue;
        if (f->id == FIELD_MAX_FORWARDS && head->has_max_forwards) {
            p = copy_end_run(p, head, &run);
            p = text_lit(p, "Max-Forwards: ");
            p = decimal_put(p, head->max_forwards - 1);
            p = text_lit(p, "\r\n");
            continue;
        }
        p = copy_in_run(p, head, f, &run);
        if (f->id == FIELD_USER_AGENT) /* where it is, or will be at the end of the run */
            out->user_agent = (struct str){p + run.n - 2 - f->value_len, f->value_len};
    }
    p = copy_end_run(p, head, &run);
    p = write_forwarded(p, out, head, &found, from);
    if (found.is_prefix_stripped)
        p = write_prefix(p, head, &found, options->prefix);
    p = write_via(p, tuning, head);
    p = text_lit(p, "x-amzn-RequestId: ");
    p = text_str(p, (struct str){out->request_id, ID_LENGTH});
    p = text_lit(p, "\r\n");
    if (found.traceparent)
        take_trace_id(out, head_value(head, found.traceparent));
    if (tuning->certificate_name && from->certificate_subject.n > 0) {
        p = text_str(p, (struct str){tuning->certificate_name, tuning->certificate_name_len});
        p = text_lit(p, ": ");
        p = text_str(p, from->certificate_subject);
        p = text_lit(p, "\r\n");
    }
    if (options->is_invoke)
        p = write_arn(p, tuning, options);
    else if (options->is_upgrade)
        p = write_upgrade(p, head);
    if (options->headers)
        p = text_str(p, options->headers->lines);
    p = write_framing(p, head, &found);
    return text_lit(p, "\r\n");
}

int request_make(struct request *out, struct worker *w, const struct tuning *tuning,
                 const struct head *head, const struct endpoint *endpoint,
                 const struct request_caller *from, const struct request_options *options)
{
    struct str host = head->authority_len > 0
                          ? head_at(head, head->authority_at, head->authority_len)
                      : head->host >= 0 ? head_value(head, &head->fields[head->host])
                                        : STR("");
    size_t suffix_room = options->path.n + options->query.n + 2;
    size_t room = head_room(tuning, head, endpoint, from, host.n) + head->target_len + host.n +
                  (options->is_upgrade ? upgrade_of(head).n : 0) + head->method_len +
                  2 * suffix_room + options->prefix.n + options->body_room +
                  arn_room(tuning, options);

    if (take_block(out, w, room) < 0)
        return -ENOMEM;
    char *p = out->block;
    out->is_post = options->is_post;
    out->method = keep(&p, head_method(head));
    out->target = keep(&p, head_target(head));
    out->host = keep(&p, host);
    out->user_agent = (struct str){NULL, 0};
    out->has_trace_id = false;
    out->upgrade = keep(&p, options->is_upgrade ? upgrade_of(head) : STR(""));
    struct str suffix = {p, 0};
    p = text_str(p, options->path);
    if (options->has_query) {
        p = text_char(p, '?');
        p = text_str(p, options->query);
    }
    suffix.n = (size_t)(p - suffix.p);
    choose_id(out, w, from, head, options->request_id);
    out->head_at = (uint32_t)(p - out->block);
    p = write_target(p, out, endpoint, suffix);
    p = write_rest(p, out, tuning, head, from, options);
    out->head_len = (uint32_t)(p - out->block) - out->head_at;
    out->body_len = 0;
    return 0;
}

int request_retarget(struct request *out, struct worker *w, const struct endpoint *endpoint)
{
    struct request old = *out;
    uint32_t rest_len = old.head_at + old.head_len + old.body_len - old.rest_at;
    size_t room = old.room + endpoint->base_path.n + endpoint->origin->authority_len + 64;

    if (take_block(out, w, room) < 0) {
        *out = old;
        return -ENOMEM;
    }
    /* The log's strings stand before the head, the user agent within its rest. */
    memcpy(out->block, old.block, old.head_at);
    out->method.p = out->block + (old.method.p - old.block);
    out->target.p = out->block + (old.target.p - old.block);
    out->host.p = out->block + (old.host.p - old.block);
    out->upgrade.p = out->block + (old.upgrade.p - old.block);
    struct str suffix = {old.block + old.suffix_at, old.suffix_len};
    char *p = write_target(out->block + out->head_at, out, endpoint, suffix);
    memcpy(p, old.block + old.rest_at, rest_len);
    if (old.user_agent.p)
        out->user_agent.p = p + (old.user_agent.p - (old.block + old.rest_at));
    out->head_len = (uint32_t)(p - out->block) - out->head_at + rest_len - old.body_len;
    request_fini(&old, w);
    return 0;
}

/* Doubles, so that a body that comes in many pieces is copied but a few times. */
int request_grow(struct request *out, struct worker *w, size_t room)
{
    struct request old = *out;
    struct str *strings[] = {&out->method, &out->target, &out->host, &out->upgrade,
                             &out->user_agent};
    size_t used = old.head_at + old.head_len + old.body_len;

    if (take_block(out, w, room > 2 * (size_t)old.room ? room : 2 * (size_t)old.room) < 0) {
        *out = old;
        return -ENOMEM;
    }
    memcpy(out->block, old.block, used);
    for (int i = 0; i < 5; i++)
        if (strings[i]->p)
            strings[i]->p = out->block + (strings[i]->p - old.block);
    request_fini(&old, w);
    return 0;
}

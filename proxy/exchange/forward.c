/* Writing heads anew. The rules stand in docs/forwarding.md for users; the two switches below are
 * them. */
#include "proxy/exchange/forward.h"

#include <errno.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/text.h"

/* ---- Identifiers ----------------------------------------------------------------------------- */

void forward_write_uuid(char *p, uint64_t a, uint64_t b)
{
    a = (a & ~UINT64_C(0xf000)) | UINT64_C(0x4000);
    b = (b & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63;
    p = text_hex_fixed(p, a >> 32, 8);
    p = text_char(p, '-');
    p = text_hex_fixed(p, a >> 16, 4);
    p = text_char(p, '-');
    p = text_hex_fixed(p, a, 4);
    p = text_char(p, '-');
    p = text_hex_fixed(p, b >> 48, 4);
    p = text_char(p, '-');
    text_hex_fixed(p, b, 12);
}

void forward_make_id(struct worker *w, char id[FORWARD_ID])
{
    uint64_t a = prng_next(&w->rng);

    forward_write_uuid(id, a, prng_next(&w->rng));
}

static bool is_lower_hex(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return false;
    return true;
}

static bool is_uuid(struct str s)
{
    if (s.n != FORWARD_ID)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = str_lower(s.p[i]);
        if (is_dash ? c != '-' : !is_lower_hex((struct str){&c, 1}))
            return false;
    }
    return true;
}

/* "00-<32 hex>-<16 hex>-<2 hex>", neither id all zero (W3C Trace Context section 3.2). */
static bool is_traceparent(struct str s)
{
    if (s.n < 55 || s.p[2] != '-' || s.p[35] != '-' || s.p[52] != '-')
        return false;
    if (!is_lower_hex((struct str){s.p, 2}) || memcmp(s.p, "ff", 2) == 0 ||
        (memcmp(s.p, "00", 2) == 0 && s.n != 55) || !is_lower_hex((struct str){s.p + 3, 32}) ||
        !is_lower_hex((struct str){s.p + 36, 16}) || !is_lower_hex((struct str){s.p + 53, 2}))
        return false;
    return memcmp(s.p + 3, "00000000000000000000000000000000", 32) != 0 &&
           memcmp(s.p + 36, "0000000000000000", 16) != 0;
}

/* The trace id of a traceparent that weir makes is the request id's digits, so that logs and traces
 * meet. */
static char *write_traceparent(char *p, const char *id, uint64_t parent)
{
    p = text_lit(p, "traceparent: 00-");
    p = text_str(p, (struct str){id, 8});
    p = text_str(p, (struct str){id + 9, 4});
    p = text_str(p, (struct str){id + 14, 4});
    p = text_str(p, (struct str){id + 19, 4});
    p = text_str(p, (struct str){id + 24, 12});
    p = text_char(p, '-');
    p = text_hex_fixed(p, parent | 1, 16);
    return text_lit(p, "-00\r\n");
}

/* ---- Fields ---------------------------------------------------------------------------------- */

/* Most fields already stand as they are to be written: "name: value" CR LF. */
static inline bool is_written(const struct http1_head *head, const struct http1_field *f)
{
    if (head->is_plain)
        return true;
    const char *line = head->base + f->name_at;
    uint32_t at = f->name_len + 2;

    return f->value_at == f->name_at + at && line[at - 1] == ' ' && line[at + f->value_len] == '\r';
}

static char *write_field(char *p, const struct http1_head *head, const struct http1_field *f)
{
    if (is_written(head, f))
        return text_str(p, http1_at(head, f->name_at, f->name_len + f->value_len + 4u));
    p = text_str(p, http1_name(head, f));
    p = text_lit(p, ": ");
    p = text_str(p, http1_value(head, f));
    return text_lit(p, "\r\n");
}

/* Fields that stand one behind the other as they are to be written go in one copy instead of four a
 * field (some 80 instructions less each). Those that are dropped in between end the run. */
struct run {
    uint32_t at, n; /* not yet written */
};

static char *end_run(char *p, const struct http1_head *head, struct run *run)
{
    p = text_str(p, http1_at(head, run->at, run->n));
    run->n = 0;
    return p;
}

static char *write_in_run(char *p, const struct http1_head *head, const struct http1_field *f,
                          struct run *run)
{
    if (!is_written(head, f))
        return write_field(end_run(p, head, run), head, f);
    if (run->n == 0 || run->at + run->n != f->name_at) {
        p = end_run(p, head, run);
        run->at = f->name_at;
    }
    run->n += f->name_len + f->value_len + 4u;
    return p;
}

static bool is_named(const struct http1_head *head, const struct http1_field *f, const char *name,
                     size_t n)
{
    return f->name_len == n && str_ieq(http1_name(head, f), (struct str){name, n});
}

/* A field that the sender's Connection lists concerns that connection alone. The test of the flag
 * is all that most heads see of it. */
static inline __attribute__((always_inline)) bool
is_dropped_by_connection(const struct http1_head *head, const struct http1_field *f)
{
    return head->has_connection_options && http1_connection_lists(head, http1_name(head, f));
}

static const struct http1_field *find_field(const struct http1_head *head, enum field_id id)
{
    for (int i = 0; i < head->nr_fields; i++)
        if (head->fields[i].id == id)
            return &head->fields[i];
    return NULL;
}

/* ---- Requests -------------------------------------------------------------------------------- */

/* What the pass over the client's fields found. */
struct found {
    bool has_forwarded_for, has_forwarded_proto, has_forwarded_host, has_traceparent, has_length;
};

static bool has_valid_traceparent(const struct http1_head *head)
{
    const struct http1_field *f = find_field(head, FIELD_TRACEPARENT);

    return f && !is_dropped_by_connection(head, f) && is_traceparent(http1_value(head, f));
}

/* Many programs see '_' and '-' in field names as the same (CGI's variables do): a client's
 * X_Forwarded_For must not pass for weir's X-Forwarded-For. */
static bool is_mimicry(const struct tuning *tuning, const struct http1_head *head,
                       const struct http1_field *f)
{
    struct str name = http1_name(head, f);
    char dashed[64];

    if (name.n > sizeof(dashed) || !memchr(name.p, '_', name.n))
        return false;
    for (size_t i = 0; i < name.n; i++)
        dashed[i] = name.p[i] == '_' ? '-' : name.p[i];
    name.p = dashed;
    return fields_id(name) != FIELD_OTHER ||
           str_ieq(name, (struct str){tuning->executed_line, tuning->executed_name_len}) ||
           (tuning->certificate_name &&
            str_ieq(name, (struct str){tuning->certificate_name, tuning->certificate_name_len}));
}

/* Whether a field of the client goes on to the endpoint as it is. */
static bool passes(const struct tuning *tuning, const struct http1_head *head,
                   const struct http1_field *f, struct found *found)
{
    bool is_trusted = tuning->settings->forwarded.trust;

    switch ((enum field_id)f->id) {
    case FIELD_OTHER:
        if (head->has_underscores && is_mimicry(tuning, head, f))
            return false;
        if (is_named(head, f, tuning->executed_line, tuning->executed_name_len))
            return false;
        if (tuning->certificate_name &&
            is_named(head, f, tuning->certificate_name, tuning->certificate_name_len))
            return false;
        return true;
    case FIELD_HOST:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_REQUEST_ID:
        return false;
    case FIELD_CONTENT_LENGTH:
        found->has_length = true;
        return false;
    case FIELD_EXPECT:
        return head->is_expect_continue && head->minor >= 1 && head->body != HTTP1_BODY_NONE;
    case FIELD_X_FORWARDED_FOR:
        found->has_forwarded_for |= is_trusted;
        return false;
    case FIELD_X_FORWARDED_PROTO:
        found->has_forwarded_proto |= is_trusted;
        return is_trusted;
    case FIELD_X_FORWARDED_HOST:
        found->has_forwarded_host |= is_trusted;
        return is_trusted;
    case FIELD_FORWARDED:
    case FIELD_X_FORWARDED_PORT:
    case FIELD_X_REAL_IP:
        return is_trusted;
    case FIELD_TRACEPARENT:
        if (found->has_traceparent || !is_traceparent(http1_value(head, f)))
            return false;
        found->has_traceparent = true;
        return true;
    case FIELD_TRACESTATE:
        return has_valid_traceparent(head);
    default:
        return !fields_is_hop_by_hop((enum field_id)f->id);
    }
}

/* What a trusted client says of those before it, however many fields it takes: its own word is the
 * last, and may not get lost behind what others made it pass on. */
static char *continue_forwarded_for(char *p, const struct http1_head *head)
{
    for (int i = 0; i < head->nr_fields; i++) {
        const struct http1_field *f = &head->fields[i];
        if (f->id != FIELD_X_FORWARDED_FOR || f->value_len == 0 ||
            is_dropped_by_connection(head, f))
            continue;
        p = text_str(p, http1_value(head, f));
        p = text_lit(p, ", ");
    }
    return p;
}

static char *write_forwarded(char *p, struct forward_request *out, const struct http1_head *head,
                             const struct found *found, const struct forward_client *from)
{
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

/* The version is that of the message as it came (RFC 9110 section 7.6.3). */
static char *write_via(char *p, const struct tuning *tuning, const struct http1_head *head)
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

static char *write_framing(char *p, const struct http1_head *head, const struct found *found)
{
    if (head->body == HTTP1_BODY_CHUNKED)
        return text_lit(p, "Transfer-Encoding: chunked\r\n");
    if (head->body == HTTP1_BODY_LENGTH || found->has_length || wants_length(http1_method(head))) {
        p = text_lit(p, "Content-Length: ");
        p = decimal_put(p, head->content_length);
        p = text_lit(p, "\r\n");
    }
    return p;
}

static char *write_upgrade(char *p, const struct http1_head *head)
{
    const struct http1_field *f = find_field(head, FIELD_UPGRADE);

    p = text_lit(p, "Connection: upgrade\r\n");
    return f ? write_field(p, head, f) : p;
}

/* The first line and Host, which depend on the endpoint. */
static char *write_target(char *p, struct forward_request *out, const struct endpoint *endpoint,
                          struct str method, struct str suffix)
{
    const struct version *version = endpoint->version;
    struct str base = endpoint->base_path;

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

static int take_block(struct forward_request *out, struct worker *w, size_t room)
{
    if (room > UINT32_MAX / 2)
        return -ENOMEM;
    out->room = (uint32_t)(room <= WORKER_BLOCK ? WORKER_BLOCK : room);
    out->block = room <= WORKER_BLOCK ? freelist_get(&w->blocks, WORKER_BLOCK) : malloc(room);
    return out->block ? 0 : -ENOMEM;
}

void forward_request_fini(struct forward_request *out, struct worker *w)
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

static void choose_id(struct forward_request *out, struct worker *w, const struct tuning *tuning,
                      const struct http1_head *head)
{
    const struct http1_field *f =
        tuning->settings->forwarded.trust ? find_field(head, FIELD_REQUEST_ID) : NULL;

    if (f && is_uuid(http1_value(head, f)))
        for (int i = 0; i < FORWARD_ID; i++)
            out->request_id[i] = str_lower(http1_value(head, f).p[i]);
    else
        forward_make_id(w, out->request_id);
}

static size_t head_room(const struct tuning *tuning, const struct http1_head *head,
                        const struct endpoint *endpoint, const struct forward_client *from,
                        size_t host_len)
{
    const struct version *version = endpoint->version;

    return head->bytes + head->nr_fields + endpoint->base_path.n + 2 * host_len +
           endpoint->origin->authority_len + (version->host ? strlen(version->host) : 0) +
           tuning->via_line_len + from->address.n + tuning->certificate_name_len +
           from->certificate_subject.n + 512;
}

static struct str upgrade_of(const struct http1_head *head)
{
    const struct http1_field *f = find_field(head, FIELD_UPGRADE);

    return f ? http1_value(head, f) : STR("");
}

/* Everything behind Host. */
static char *write_rest(char *p, struct forward_request *out, struct worker *w,
                        const struct tuning *tuning, const struct http1_head *head,
                        const struct forward_client *from, bool is_upgrade)
{
    struct found found = {.has_length = false};
    struct run run = {0, 0};

    for (int i = 0; i < head->nr_fields; i++) {
        const struct http1_field *f = &head->fields[i];
        if (is_dropped_by_connection(head, f) || !passes(tuning, head, f, &found))
            continue;
        if (f->id == FIELD_MAX_FORWARDS && head->has_max_forwards) {
            p = end_run(p, head, &run);
            p = text_lit(p, "Max-Forwards: ");
            p = decimal_put(p, head->max_forwards - 1);
            p = text_lit(p, "\r\n");
            continue;
        }
        p = write_in_run(p, head, f, &run);
        if (f->id == FIELD_USER_AGENT) /* where it is, or will be at the end of the run */
            out->user_agent = (struct str){p + run.n - 2 - f->value_len, f->value_len};
    }
    p = end_run(p, head, &run);
    p = write_forwarded(p, out, head, &found, from);
    p = write_via(p, tuning, head);
    p = text_lit(p, "x-amzn-RequestId: ");
    p = text_str(p, (struct str){out->request_id, FORWARD_ID});
    p = text_lit(p, "\r\n");
    if (!found.has_traceparent)
        p = write_traceparent(p, out->request_id, prng_next(&w->rng));
    if (tuning->certificate_name && from->certificate_subject.n > 0) {
        p = text_str(p, (struct str){tuning->certificate_name, tuning->certificate_name_len});
        p = text_lit(p, ": ");
        p = text_str(p, from->certificate_subject);
        p = text_lit(p, "\r\n");
    }
    if (is_upgrade)
        p = write_upgrade(p, head);
    p = write_framing(p, head, &found);
    return text_lit(p, "\r\n");
}

int forward_request_make(struct forward_request *out, struct worker *w, const struct tuning *tuning,
                         const struct http1_head *head, const struct endpoint *endpoint,
                         const struct forward_client *from, const struct forward_options *options)
{
    struct str host = head->authority_len > 0
                          ? http1_at(head, head->authority_at, head->authority_len)
                      : head->host >= 0 ? http1_value(head, &head->fields[head->host])
                                        : STR("");
    size_t suffix_room = options->path.n + options->query.n + 2;
    size_t room = head_room(tuning, head, endpoint, from, host.n) + head->target_len + host.n +
                  (options->is_upgrade ? upgrade_of(head).n : 0) + head->method_len +
                  2 * suffix_room + options->body_room;

    if (take_block(out, w, room) < 0)
        return -ENOMEM;
    char *p = out->block;
    out->method = keep(&p, http1_method(head));
    out->target = keep(&p, http1_target(head));
    out->host = keep(&p, host);
    out->user_agent = (struct str){NULL, 0};
    out->upgrade = keep(&p, options->is_upgrade ? upgrade_of(head) : STR(""));
    struct str suffix = {p, 0};
    p = text_str(p, options->path);
    if (options->has_query) {
        p = text_char(p, '?');
        p = text_str(p, options->query);
    }
    suffix.n = (size_t)(p - suffix.p);
    choose_id(out, w, tuning, head);
    out->head_at = (uint32_t)(p - out->block);
    p = write_target(p, out, endpoint, out->method, suffix);
    p = write_rest(p, out, w, tuning, head, from, options->is_upgrade);
    out->head_len = (uint32_t)(p - out->block) - out->head_at;
    out->body_len = 0;
    return 0;
}

int forward_request_retarget(struct forward_request *out, struct worker *w,
                             const struct endpoint *endpoint)
{
    struct forward_request old = *out;
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
    char *p = write_target(out->block + out->head_at, out, endpoint, out->method, suffix);
    memcpy(p, old.block + old.rest_at, rest_len);
    if (old.user_agent.p)
        out->user_agent.p = p + (old.user_agent.p - (old.block + old.rest_at));
    out->head_len = (uint32_t)(p - out->block) - out->head_at + rest_len - old.body_len;
    forward_request_fini(&old, w);
    return 0;
}

/* Doubles, so that a body that comes in many pieces is copied but a few times. */
int forward_request_grow(struct forward_request *out, struct worker *w, size_t room)
{
    struct forward_request old = *out;
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
    forward_request_fini(&old, w);
    return 0;
}

/* ---- Responses ------------------------------------------------------------------------------- */

static bool response_passes(const struct tuning *tuning, const struct http1_head *head,
                            const struct http1_field *f, const struct forward_response *how)
{
    switch ((enum field_id)f->id) {
    case FIELD_OTHER:
        return !is_named(head, f, tuning->executed_line, tuning->executed_name_len);
    case FIELD_CONTENT_LENGTH:
    case FIELD_TRANSFER_ENCODING:
    case FIELD_REQUEST_ID:
        return false;
    case FIELD_UPGRADE:
        return how->is_upgrade;
    case FIELD_TRAILER:
        return how->is_chunked;
    case FIELD_STRICT_TRANSPORT_SECURITY:
        return how->hsts_line[0] == 0;
    default:
        return !fields_is_hop_by_hop((enum field_id)f->id);
    }
}

size_t forward_response_room(const struct tuning *tuning, const struct http1_head *head)
{
    return head->bytes + head->nr_fields + tuning->executed_line_len + 512;
}

static char *write_response_framing(char *p, const struct forward_response *how)
{
    if (how->is_chunked)
        p = text_lit(p, "Transfer-Encoding: chunked\r\n");
    if (how->has_length) {
        p = text_lit(p, "Content-Length: ");
        p = decimal_put(p, how->length);
        p = text_lit(p, "\r\n");
    }
    if (how->is_upgrade)
        return text_lit(p, "Connection: upgrade\r\n");
    if (how->is_interim)
        return p;
    if (how->is_close)
        return text_lit(p, "Connection: close\r\n");
    return how->minor == 0 ? text_lit(p, "Connection: keep-alive\r\n") : p;
}

char *forward_response_write(char *p, struct worker *w, const struct tuning *tuning,
                             const struct http1_head *head, const struct forward_response *how)
{
    struct run run = {0, 0};
    bool has_date = false;

    p = text_lit(p, "HTTP/1.1 ");
    p = decimal_put(p, (uint64_t)head->status);
    p = text_char(p, ' ');
    p = text_str(p, http1_at(head, head->reason_at, head->reason_len));
    p = text_lit(p, "\r\n");
    for (int i = 0; i < head->nr_fields; i++) {
        const struct http1_field *f = &head->fields[i];
        /* In 101 the endpoint's Connection lists Upgrade, and both go on. */
        bool is_agreed_upgrade = how->is_upgrade && f->id == FIELD_UPGRADE;
        if (!is_agreed_upgrade &&
            (is_dropped_by_connection(head, f) || !response_passes(tuning, head, f, how)))
            continue;
        has_date |= f->id == FIELD_DATE;
        p = write_in_run(p, head, f, &run);
    }
    p = end_run(p, head, &run);
    if (!how->is_interim || how->is_upgrade) {
        if (how->executed_version.n > 0) {
            p = text_str(p, (struct str){tuning->executed_line, tuning->executed_line_len});
            p = text_str(p, how->executed_version);
            p = text_lit(p, "\r\n");
        }
        p = text_lit(p, "x-amzn-RequestId: ");
        p = text_str(p, (struct str){how->request_id, FORWARD_ID});
        p = text_lit(p, "\r\n");
        if (!has_date)
            p = text_str(p, worker_date(w));
        if (how->hsts_line[0])
            p = text_str(p, str_of(how->hsts_line));
    }
    p = write_response_framing(p, how);
    return text_lit(p, "\r\n");
}

/* Writing the event. Members stand in the order in which Lambda's documentation has them, which no
 * reader may depend on. */
#include "proxy/payload/payload_event.h"

#include <stdlib.h>
#include <time.h>

#include "base/decimal.h"
#include "base/text.h"
#include "base/utf8.h"
#include "proxy/payload/payload_query.h"
#include "proxy/payload/payload_type.h"

enum { FIELDS_MAX = 320, ADDED_MAX = 6, TRACE_MAX = 48, TRACE_HEX = 24 };

static void member(struct buffer *out, struct str name)
{
    buffer_char(out, ',');
    buffer_json(out, name);
    buffer_char(out, ':');
}

static void text_member(struct buffer *out, struct str name, struct str value)
{
    member(out, name);
    buffer_json(out, value);
}

/* ---- Fields ---------------------------------------------------------------------------------- */

/* The client's fields, and those that are added. */
struct fields {
    struct payload_pair list[FIELDS_MAX];
    int nr;
    bool has_cookies;
    char port[8], trace[TRACE_MAX];
};

static bool is_named(const struct payload_pair *field, struct str name)
{
    return str_ieq(field->name, name);
}

static void add(struct fields *fields, struct str name, struct str value)
{
    if (fields->nr < FIELDS_MAX && value.n > 0)
        fields->list[fields->nr++] = (struct payload_pair){name, value};
}

static bool has(const struct fields *fields, struct str name)
{
    for (int i = 0; i < fields->nr; i++)
        if (is_named(&fields->list[i], name))
            return true;
    return false;
}

/* Root=1-TIME-ID, where no one has begun a trace: the time in seconds, and the end of the request's
 * id. */
static struct str begin_trace(char out[TRACE_MAX], const struct payload_event *event)
{
    char *p = text_lit(out, "Root=1-"), *id;
    uint64_t seconds = event->unix_ms / 1000;

    for (int shift = 28; shift >= 0; shift -= 4)
        p = text_char(p, "0123456789abcdef"[seconds >> shift & 15]);
    p = text_char(p, '-');
    id = p += TRACE_HEX;
    for (size_t i = event->request_id.n; i > 0 && id > p - TRACE_HEX; i--)
        if (event->request_id.p[i - 1] != '-')
            *--id = event->request_id.p[i - 1];
    return id > p - TRACE_HEX ? STR("") : (struct str){out, (size_t)(p - out)};
}

/* What Lambda adds. A proxy that is trusted may have said the last two already. */
static void gather(struct fields *fields, const struct payload_event *event)
{
    struct str port = {fields->port, 0};

    fields->nr = 0;
    fields->has_cookies = false;
    for (int i = 0; i < event->nr_fields && i < FIELDS_MAX - ADDED_MAX; i++) {
        if (is_named(&event->fields[i], STR("cookie")))
            fields->has_cookies = true;
        else
            fields->list[fields->nr++] = event->fields[i];
    }
    port.n = (size_t)(decimal_put(fields->port, event->port) - fields->port);
    add(fields, STR("x-forwarded-for"), event->source);
    if (!has(fields, STR("x-forwarded-port")))
        add(fields, STR("x-forwarded-port"), port);
    if (!has(fields, STR("x-forwarded-proto")))
        add(fields, STR("x-forwarded-proto"), event->is_tls ? STR("https") : STR("http"));
    if (!has(fields, STR("x-amzn-trace-id")))
        add(fields, STR("x-amzn-trace-id"), begin_trace(fields->trace, event));
    add(fields, STR("x-amzn-tls-version"), event->tls_version);
    add(fields, STR("x-amzn-tls-cipher-suite"), event->tls_cipher);
}

static void write_name(struct buffer *out, struct str name)
{
    char *p = buffer_reserve(out, name.n + 3);

    if (!p)
        return;
    *p++ = '"';
    for (size_t i = 0; i < name.n; i++) /* a token: nothing to escape */
        *p++ = str_lower(name.p[i]);
    *p++ = '"';
    *p = ':';
    out->n += name.n + 3;
}

static bool is_repeated(const struct fields *fields, int i)
{
    for (int k = 0; k < i; k++)
        if (is_named(&fields->list[k], fields->list[i].name))
            return true;
    return false;
}

/* One member for each name, with all its values. */
static void write_fields(struct buffer *out, const struct fields *fields)
{
    const char *separator = "";

    member(out, STR("headers"));
    buffer_char(out, '{');
    for (int i = 0; i < fields->nr; i++) {
        const struct payload_pair *field = &fields->list[i];

        if (is_repeated(fields, i))
            continue;
        buffer_add(out, str_of(separator));
        separator = ",";
        write_name(out, field->name);
        buffer_char(out, '"');
        buffer_json_part(out, field->value);
        for (int k = i + 1; k < fields->nr; k++) {
            if (!is_named(&fields->list[k], field->name))
                continue;
            buffer_char(out, ',');
            buffer_json_part(out, fields->list[k].value);
        }
        buffer_char(out, '"');
    }
    buffer_char(out, '}');
}

/* "a=1; b=2" as two strings. */
static void write_cookies_of(struct buffer *out, struct str value, const char **separator)
{
    while (value.n > 0) {
        struct str cookie = str_until(value, ';');
        size_t used = cookie.n < value.n ? cookie.n + 1 : cookie.n;

        value.p += used;
        value.n -= used;
        for (; cookie.n > 0 && *cookie.p == ' '; cookie.n--)
            cookie.p++;
        while (cookie.n > 0 && cookie.p[cookie.n - 1] == ' ')
            cookie.n--;
        if (cookie.n == 0)
            continue;
        buffer_add(out, str_of(*separator));
        *separator = ",";
        buffer_json(out, cookie);
    }
}

static void write_cookies(struct buffer *out, const struct payload_event *event)
{
    const char *separator = "";

    member(out, STR("cookies"));
    buffer_char(out, '[');
    for (int i = 0; i < event->nr_fields; i++)
        if (is_named(&event->fields[i], STR("cookie")))
            write_cookies_of(out, event->fields[i].value, &separator);
    buffer_char(out, ']');
}

/* ---- The context ----------------------------------------------------------------------------- */

/* "12/Mar/2020:19:03:58 +0000" */
static void write_time(struct buffer *out, uint64_t unix_ms)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)(unix_ms / 1000);
    char text[32], *p = text;
    struct tm t;

    gmtime_r(&seconds, &t);
    p = decimal_put_fixed(p, (uint64_t)t.tm_mday, 2);
    p = text_char(p, '/');
    p = text_str(p, (struct str){months + t.tm_mon * 3, 3});
    p = text_char(p, '/');
    p = decimal_put_fixed(p, (uint64_t)t.tm_year + 1900, 4);
    p = text_char(p, ':');
    p = decimal_put_fixed(p, (uint64_t)t.tm_hour, 2);
    p = text_char(p, ':');
    p = decimal_put_fixed(p, (uint64_t)t.tm_min, 2);
    p = text_char(p, ':');
    p = decimal_put_fixed(p, (uint64_t)t.tm_sec, 2);
    p = text_lit(p, " +0000");
    text_member(out, STR("time"), (struct str){text, (size_t)(p - text)});
}

static struct str find(const struct payload_event *event, struct str name)
{
    for (int i = 0; i < event->nr_fields; i++)
        if (is_named(&event->fields[i], name))
            return event->fields[i].value;
    return STR("");
}

static void write_http(struct buffer *out, const struct payload_event *event)
{
    member(out, STR("http"));
    buffer_lit(out, "{\"method\":");
    buffer_json(out, event->method);
    text_member(out, STR("path"), event->path);
    text_member(out, STR("protocol"), event->protocol);
    text_member(out, STR("sourceIp"), event->client.n > 0 ? event->client : event->source);
    text_member(out, STR("userAgent"), find(event, STR("user-agent")));
    buffer_char(out, '}');
}

/* weir knows no users beside access keys: what only IAM knows is null. */
static void write_identity(struct buffer *out, const struct payload_identity *identity)
{
    member(out, STR("authorizer"));
    buffer_lit(out, "{\"iam\":{\"accessKey\":");
    buffer_json(out, identity->access_key);
    text_member(out, STR("accountId"), identity->account);
    text_member(out, STR("callerId"), identity->caller);
    buffer_lit(out, ",\"cognitoIdentity\":null,\"principalOrgId\":null");
    text_member(out, STR("userArn"), identity->user_arn);
    text_member(out, STR("userId"), identity->caller);
    buffer_lit(out, "}}");
}

/* The first label of a name; an address, in brackets or not, has no labels. */
static struct str first_label(struct str domain)
{
    bool is_address = true;

    for (size_t i = 0; i < domain.n && is_address; i++)
        is_address =
            domain.p[0] == '[' || domain.p[i] == '.' || (domain.p[i] >= '0' && domain.p[i] <= '9');
    return is_address ? domain : str_until(domain, '.');
}

static void write_context(struct buffer *out, const struct payload_event *event)
{
    struct str prefix = first_label(event->domain);
    const struct payload_identity *identity = event->identity;

    member(out, STR("requestContext"));
    buffer_lit(out, "{\"accountId\":");
    buffer_json(out, identity ? identity->account : STR("anonymous"));
    text_member(out, STR("apiId"), event->api_id.n > 0 ? event->api_id : prefix);
    if (identity)
        write_identity(out, identity);
    text_member(out, STR("domainName"), event->domain);
    text_member(out, STR("domainPrefix"), prefix);
    write_http(out, event);
    text_member(out, STR("requestId"), event->request_id);
    text_member(out, STR("routeKey"), STR("$default"));
    text_member(out, STR("stage"), event->stage.n > 0 ? event->stage : STR("$default"));
    write_time(out, event->unix_ms);
    member(out, STR("timeEpoch"));
    buffer_number(out, event->unix_ms);
    buffer_char(out, '}');
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void write_stage_variables(struct buffer *out, const struct payload_event *event)
{
    member(out, STR("stageVariables"));
    for (int i = 0; i < event->nr_stage_variables; i++) {
        buffer_char(out, i > 0 ? ',' : '{');
        buffer_json(out, event->stage_variables[i].name);
        buffer_char(out, ':');
        buffer_json(out, event->stage_variables[i].value);
    }
    buffer_char(out, '}');
}

static void write_body(struct buffer *out, const struct payload_event *event)
{
    bool is_text =
        payload_type_is_text(find(event, STR("content-type"))) && utf8_is_valid(event->body);

    if (event->body.n > 0 && is_text) {
        text_member(out, STR("body"), event->body);
    } else if (event->body.n > 0) {
        member(out, STR("body"));
        buffer_char(out, '"');
        buffer_base64(out, event->body);
        buffer_char(out, '"');
    }
    member(out, STR("isBase64Encoded"));
    buffer_add(out, event->body.n > 0 && !is_text ? STR("true") : STR("false"));
}

void payload_event_write(struct buffer *out, const struct payload_event *event)
{
    struct fields fields;

    gather(&fields, event);
    buffer_lit(out, "{\"version\":\"2.0\",\"routeKey\":\"$default\"");
    text_member(out, STR("rawPath"), event->path);
    text_member(out, STR("rawQueryString"), event->query);
    if (fields.has_cookies)
        write_cookies(out, event);
    write_fields(out, &fields);
    payload_query_write(out, event->query);
    write_context(out, event);
    write_body(out, event);
    if (event->nr_stage_variables > 0)
        write_stage_variables(out, event);
    buffer_char(out, '}');
}

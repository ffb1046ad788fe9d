/* The grammars of some settings, and the rules that concern several settings at once. */
#include "conf/settings_check.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/str.h"
#include "conf/bindspec.h"
#include "conf/hostport.h"
#include "conf/settings.h"
#include "conf/url.h"
#include "router/arn.h"

/* Hop-by-hop and framing fields (RFC 9110 sections 7.6.1 and 8.6, RFC 9112 section 6), fields
 * without which a message means something else, and those that weir sets itself. */
static const char *const taken_names[] = {
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "proxy-authenticate",
    "proxy-authorization",
    "http2-settings",
    "host",
    "content-type",
    "content-encoding",
    "content-range",
    "content-location",
    "location",
    "set-cookie",
    "cookie",
    "authorization",
    "www-authenticate",
    "date",
    "expect",
    "range",
    "vary",
    "cache-control",
    "etag",
    "via",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "forwarded",
    "x-amzn-requestid",
    "x-amzn-errortype",
    "traceparent",
    "tracestate",
    "x-amz-invocation-type",
    "strict-transport-security",
};

/* RFC 9110 section 5.6.2. */
static bool is_token(const char *text)
{
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("!#$%&'*+-.^_`|~", *p))
            return false;
    return *text != '\0';
}

const char *settings_check_header(const char *text)
{
    if (!is_token(text))
        return "has characters that a field name cannot have";
    for (size_t i = 0; i < sizeof(taken_names) / sizeof(taken_names[0]); i++)
        if (str_ieq(str_of(text), str_of(taken_names[i])))
            return "already means something else in HTTP";
    return NULL;
}

const char *settings_check_token(const char *text)
{
    return is_token(text) ? NULL : "has characters that a name cannot have";
}

const char *settings_check_added(const char *text)
{
    /* Fields that clients send, and that an endpoint may want another value of. */
    static const char *const free_names[] = {
        "content-type",  "cookie",      "authorization", "range",
        "cache-control", "traceparent", "tracestate",
    };

    if (str_ieq(str_of(text), STR("host")))
        return "has a key of its own, \"host\"";
    for (size_t i = 0; i < sizeof(free_names) / sizeof(free_names[0]); i++)
        if (str_ieq(str_of(text), str_of(free_names[i])))
            return NULL;
    return settings_check_header(text);
}

const char *settings_check_value(const char *text)
{
    size_t n = strlen(text);

    if (n > 8192)
        return "is longer than 8192 bytes";
    if (n > 0 && (strchr(" \t", text[0]) || strchr(" \t", text[n - 1])))
        return "begins or ends with white space";
    for (const char *p = text; *p; p++)
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
            return "has control characters";
    return NULL;
}

const char *settings_check_via(const char *text)
{
    if (is_token(text) || !hostport_check_host(text))
        return NULL;
    return "is neither a token nor a host";
}

const char *settings_check_hosts(const char *text)
{
    const char *p = text;

    if (strcmp(text, "*") == 0)
        return NULL;
    for (;;) {
        struct str name;

        p += strspn(p, " ");
        name = (struct str){p, strcspn(p, ", ")};
        if (!hostport_is_name(name))
            return "has something between its commas that is no host name";
        p += name.n;
        p += strspn(p, " ");
        if (*p == '\0')
            return NULL;
        if (*p++ != ',')
            return "has a space inside a name";
    }
}

const char *settings_check_endpoint(const char *text)
{
    struct url url;
    const char *wrong = url_parse(str_of(text), &url);

    if (wrong)
        return wrong;
    if (url.is_srv)
        return "needs SRV records, which weir does not look up for etcd";
    return str_eq(url.path, STR("/")) ? NULL : "has a path";
}

const char *settings_check_servers(const char *text)
{
    const char *p = text + strspn(text, " ");

    if (!*p)
        return NULL;
    for (;;) {
        struct hostport server;
        size_t n;

        p += strspn(p, " ");
        n = strcspn(p, ", ");
        if (hostport_parse((struct str){p, n}, &server) || !server.is_address)
            return "has something between its commas that is no IP address";
        if (server.has_port && server.port == 0)
            return "has port 0";
        p += n;
        p += strspn(p, " ");
        if (*p == '\0')
            return NULL;
        if (*p++ != ',')
            return "has a space inside an address";
    }
}

const char *settings_check_engine(const char *text)
{
    struct url url;
    const char *wrong;

    if (!*text)
        return NULL;
    wrong = url_parse(str_of(text), &url);
    return wrong ? wrong : url.is_srv ? "must begin with http:// or https://" : NULL;
}

const char *settings_check_region(const char *text)
{
    return arn_is_region(str_of(text)) ? NULL : "is no region";
}

const char *settings_check_account(const char *text)
{
    return arn_is_account(str_of(text)) ? NULL : "is no account";
}

const char *settings_check_level(const char *text)
{
    enum log_level level;

    return log_parse_level(text, &level) ? NULL : "is no log level";
}

const char *settings_check_tls_version(const char *text)
{
    if (strcmp(text, "1.2") == 0 || strcmp(text, "1.3") == 0)
        return NULL;
    if (strncasecmp(text, "TLS", 3) == 0)
        return "is how others write it; write the number alone";
    return strcmp(text, "1.0") == 0 || strcmp(text, "1.1") == 0
               ? "is no longer safe (RFC 8996)"
               : "is no version of TLS that weir speaks";
}

static bool overlaps(const char *a, const char *b)
{
    struct bindspec x, y;

    return !bindspec_parse(str_of(a), &x) && !bindspec_parse(str_of(b), &y) &&
           bindspec_overlaps(&x, &y);
}

static void check_pair(const struct settings *settings, int i, const char *file,
                       struct problems *problems)
{
    const char *address = settings->listeners[i].address;
    char path[64];

    snprintf(path, sizeof(path), "$.listeners[%d].address", i);
    if (overlaps(address, settings->admin_address))
        problems_add(problems, "same_address", file, path,
                     "%s and %s, the admin listener's, take the same address and port; use another "
                     "port for one of them",
                     address, settings->admin_address);
    for (int j = 0; j < i; j++)
        if (overlaps(address, settings->listeners[j].address))
            problems_add(problems, "same_address", file, path,
                         "%s and %s of listeners[%d] take the same address and port; remove one of "
                         "them or use another port",
                         address, settings->listeners[j].address, j);
}

static bool is_loopback(const char *address)
{
    struct bindspec spec;

    if (bindspec_parse(str_of(address), &spec))
        return false;
    switch (spec.kind) {
    case BINDSPEC_ONE4:
        return spec.address.s6_addr[12] == 127;
    case BINDSPEC_ONE6:
        return IN6_IS_ADDR_LOOPBACK(&spec.address);
    case BINDSPEC_NAME:
        return str_ieq(hostport_undotted(spec.host), STR("localhost"));
    default:
        return false;
    }
}

/* Whoever reaches the admin listener may change where invocations go. */
static void check_admin(const struct settings *settings, const char *file,
                        struct problems *problems)
{
    if (is_loopback(settings->admin_address) || settings->aws.credentials_file ||
        settings->admin_token_file || settings->admin_tls.client_ca)
        return;
    problems_add(problems, "unprotected", file, "$.admin.address",
                 "%s can be reached from other machines, and whoever reaches it may change "
                 "everything: say who may with access keys (aws.credentials_file), a token "
                 "(admin.token_file) or client certificates (admin.tls.client_ca), or use an "
                 "address of the loopback, such as 127.0.0.1:9901",
                 settings->admin_address);
}

static void check_authorization(const struct settings *settings, int i, const char *file,
                                struct problems *problems)
{
    char path[64];

    if (settings->listeners[i].invoke_authorization == SETTINGS_AUTHORIZATION_NONE ||
        settings->aws.credentials_file)
        return;
    snprintf(path, sizeof(path), "$.listeners[%d].invoke_authorization", i);
    problems_add(problems, "missing", file, path,
                 "aws_iam needs aws.credentials_file, the keys that requests are signed with");
}

static void check_together(const char *a, const char *b, const char *file, const char *path_a,
                           const char *path_b, struct problems *problems)
{
    const char *at = a ? path_b : path_a;

    if (!a != !b)
        problems_add(problems, "missing", file, at, "is missing: it and %s belong together",
                     (a ? path_a : path_b) + 2);
}

/* What a store in etcd needs. */
static void check_store(const struct settings *settings, const char *file,
                        struct problems *problems)
{
    bool has_state = settings->state.directory && settings->state.directory[0];

    check_together(settings->etcd.username, settings->etcd.password_file, file,
                   "$.store.etcd.username", "$.store.etcd.password_file", problems);
    check_together(settings->etcd.certificate, settings->etcd.key, file, "$.store.etcd.certificate",
                   "$.store.etcd.key", problems);
    if (settings->etcd.endpoints[0] && !has_state)
        problems_add(problems, "missing", file, "$.state.directory",
                     "is missing: with store.etcd weir keeps a copy of the table there; give it a "
                     "folder");
}

int settings_check(const struct settings *settings, const char *file, struct problems *problems)
{
    size_t before = problems_count(problems);

    for (int i = 0; i < settings->nr_listeners; i++) {
        check_pair(settings, i, file, problems);
        check_authorization(settings, i, file, problems);
    }
    check_admin(settings, file, problems);
    check_store(settings, file, problems);
    return problems_count(problems) == before ? 0 : -1;
}

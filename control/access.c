/* Who may use the admin listener, and keeping web pages away from it.
 *
 * A page can make a browser send requests to any address. By the address itself they come from
 * another site: the browser keeps the answer from the page, and names the site in Origin wherever
 * a request could change something. What Origin does not stop are names: a page from a name that
 * resolves to this listener (DNS rebinding) is of the same site as it. Such a name stands in Host,
 * and nobody but the operator knows a name for this listener. */
#include "control/access.h"

#include <openssl/crypto.h>

#include "base/clock.h"
#include "conf/hostport.h"
#include "control/action.h"
#include "control/adminpage.h"
#include "control/answer.h"
#include "control/permit.h"

/* ---- Web pages ------------------------------------------------------------------------------- */

/* names: admin.hosts, already checked. */
static bool is_listed(struct str host, const char *names)
{
    for (const char *p = names; *p; p += strspn(p, ", ")) {
        size_t n = strcspn(p, ", ");

        if (str_ieq(hostport_undotted((struct str){p, n}), host))
            return true;
        p += n;
    }
    return false;
}

/* An address, or a name that the operator gave. */
static bool is_named_host(const struct settings *settings, struct str text)
{
    struct hostport host, own;

    if (hostport_parse(text, &host))
        return false;
    if (host.is_address)
        return true;
    struct str name = hostport_undotted(host.host);
    if (str_ieq(name, STR("localhost")))
        return true;
    if (!hostport_parse(str_of(settings->admin_address), &own) && own.host.n > 0 &&
        str_ieq(name, hostport_undotted(own.host)))
        return true;
    return is_listed(name, settings->admin_hosts);
}

static bool is_known_host(const struct settings *settings, struct str text)
{
    if (text.n == 0) /* no browser, and no name either */
        return true;
    return strcmp(settings->admin_hosts, "*") == 0 || is_named_host(settings, text);
}

/* Clients of Step Functions put "sync-" before the host for some of their calls. */
static bool is_our_host(const struct settings *settings, struct str text)
{
    const struct str sync = STR("sync-");

    if (is_known_host(settings, text))
        return true;
    return text.n > sync.n && str_ieq((struct str){text.p, sync.n}, sync) &&
           is_known_host(settings, (struct str){text.p + sync.n, text.n - sync.n});
}

/* Is the origin that of the listener itself, as the request calls it? */
static bool is_own_origin(const struct settings *settings, struct str origin, struct str host)
{
    const struct str scheme = settings->admin_tls.certificate ? STR("https://") : STR("http://");

    return origin.n >= scheme.n && str_ieq((struct str){origin.p, scheme.n}, scheme) &&
           str_ieq((struct str){origin.p + scheme.n, origin.n - scheme.n}, host);
}

/* What a form of a web page can send, and a script without asking first (the Fetch standard's
 * CORS-safelisted request-header); with or without parameters, such as charset. */
static bool is_of_forms(struct str type)
{
    static const char *const list[] = {"text/plain", "multipart/form-data",
                                       "application/x-www-form-urlencoded"};

    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        size_t n = strlen(list[i]);
        if (type.n >= n && str_ieq((struct str){type.p, n}, str_of(list[i])) &&
            (type.n == n || strchr("; \t", type.p[n])))
            return true;
    }
    return false;
}

static bool changes_something(struct str method)
{
    return !str_eq(method, STR("GET")) && !str_eq(method, STR("HEAD"));
}

const char *access_check_page(const struct settings *settings, struct str host, struct str origin,
                              bool is_change)
{
    if (!is_our_host(settings, host))
        return "Host is a name that this listener is not known by; call it by its address, or add "
               "the name to the setting admin.hosts.";
    if (!origin.p || (!is_change && is_own_origin(settings, origin, host)))
        return NULL;
    return is_change ? "Web pages cannot change anything here: the request has an Origin."
                     : "Requests from other sites' pages are not served.";
}

/* Did the listener's own page (control/adminpage.h) send it? No other page comes from here. A name
 * that only "*" admits may be one that another site lets resolve to this listener. */
static bool is_own_page(const struct settings *settings, struct str host, struct str origin)
{
    return origin.p && is_named_host(settings, host) && is_own_origin(settings, origin, host);
}

static bool refuse_page(const struct settings *settings, const struct api_request *request,
                        struct api_response *response)
{
    bool is_change = changes_something(request->method);
    const char *message =
        access_check_page(settings, request->host, request->origin,
                          is_change && !is_own_page(settings, request->host, request->origin));

    if (message) {
        answer_error(response, 403, "AccessDeniedException", message);
        return true;
    }
    if (is_change && request->content_type.p && is_of_forms(request->content_type)) {
        answer_error(response, 415, "UnsupportedMediaTypeException",
                     "Content-Type must be application/json: forms of web pages send this one.");
        return true;
    }
    return false;
}

/* ---- Keys, tokens, certificates -------------------------------------------------------------- */

bool access_is_guarded(const struct settings *settings)
{
    return settings->secrets.credentials || settings->secrets.admin_token ||
           settings->admin_tls.client_ca;
}

/* "Bearer TOKEN" (RFC 6750 section 2.1). */
static bool is_token(const struct settings *settings, struct str authorization)
{
    const struct str scheme = STR("Bearer ");
    struct str own = str_of(settings->secrets.admin_token);

    if (own.n == 0 || authorization.n < scheme.n ||
        !str_ieq((struct str){authorization.p, scheme.n}, scheme))
        return false;
    authorization.p += scheme.n;
    authorization.n -= scheme.n;
    while (authorization.n > 0 && authorization.p[0] == ' ') {
        authorization.p++;
        authorization.n--;
    }
    return authorization.n == own.n && CRYPTO_memcmp(authorization.p, own.p, own.n) == 0;
}

enum access_proof access_look(const struct settings *settings, struct str authorization,
                              bool has_certificate)
{
    return has_certificate || is_token(settings, authorization) ? ACCESS_GRANTED : ACCESS_SIGNATURE;
}

static struct str find_field(const struct api_request *request, struct str name)
{
    for (int i = 0; i < request->nr_fields; i++)
        if (str_ieq(request->fields[i].name, name))
            return request->fields[i].value;
    return (struct str){NULL, 0};
}

/* What the token or a certificate would have been enough for. */
static void explain_bearer(struct str authorization, struct sigv4_refusal *refusal)
{
    if (authorization.n >= 6 && str_ieq((struct str){authorization.p, 6}, STR("Bearer")))
        sigv4_refuse(refusal, "UnrecognizedClientException",
                     "The security token included in the request is invalid.");
}

static bool is_permitted(const struct settings *settings, const struct api_request *request,
                         const struct action *action, struct sigv4_refusal *refusal)
{
    struct sigv4_request signed_request = {
        .method = request->method,
        .path = request->path,
        .query = request->query,
        .fields = request->fields,
        .nr_fields = request->nr_fields,
        .region = settings->aws.region,
        .service = action->service,
        .now_s = clock_unix_us() / 1000000,
    };
    struct permit permit = {
        .right = action->right,
        .action = action->name,
        .function = action->function,
        .home = {str_of(settings->aws.region), str_of(settings->aws.account_id)},
    };
    const struct credentials_key *key =
        sigv4_verify(&signed_request, request->body, settings->secrets.credentials, refusal);

    if (!key)
        explain_bearer(find_field(request, STR("authorization")), refusal);
    return key && permit_check(key, &permit, refusal);
}

static void answer_refusal(const struct action *action, const struct sigv4_refusal *refusal,
                           struct api_response *response)
{
    bool is_denied = strcmp(refusal->type, "AccessDeniedException") == 0;

    if (strcmp(refusal->type, "ServiceException") == 0) {
        answer_json(response, 503, NULL);
    } else if (action->json) {
        answer_json(response, 400,
                    json_pack("{s:s, s:s}", "__type", refusal->type, "message", refusal->message));
        response->content_type = action->json;
    } else {
        answer_json(response, 403,
                    json_pack("{s:s}", is_denied ? "Message" : "message", refusal->message));
    }
    response->error_type = refusal->type;
}

static bool is_probe(const struct api_request *request)
{
    return !changes_something(request->method) &&
           (str_eq(request->path, STR("/healthz")) || str_eq(request->path, STR("/readyz")));
}

bool access_refuse(const struct settings *settings, const struct api_request *request,
                   struct api_response *response)
{
    struct sigv4_refusal refusal;
    struct action action;

    /* Without data: it asks for the token first. */
    if (access_is_guarded(settings) && adminpage_is_path(request))
        return false;
    /* A page could make a browser show a certificate, but neither token nor signature. */
    if (!access_is_guarded(settings) || is_probe(request) || request->has_certificate)
        return refuse_page(settings, request, response);
    if (access_look(settings, find_field(request, STR("authorization")), false) == ACCESS_GRANTED)
        return false;
    action_read(&action, request->method, request->path, find_field(request, STR("x-amz-target")),
                request->body);
    if (is_permitted(settings, request, &action, &refusal))
        return false;
    answer_refusal(&action, &refusal, response);
    return true;
}

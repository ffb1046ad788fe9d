/* Keeps web pages away from the admin listener.
 *
 * A page can make a browser send requests to any address. By the address itself they come from
 * another site: the browser keeps the answer from the page, and names the site in Origin wherever
 * a request could change something. What Origin does not stop are names: a page from a name that
 * resolves to this listener (DNS rebinding) is of the same site as it. Such a name stands in Host,
 * and nobody but the operator knows a name for this listener. */
#include "control/access.h"

#include "conf/hostport.h"
#include "control/answer.h"

/* names: admin.hosts, already checked. */
static bool is_listed(struct str host, const char *names)
{
    if (strcmp(names, "*") == 0)
        return true;
    for (const char *p = names; *p; p += strspn(p, ", ")) {
        size_t n = strcspn(p, ", ");

        if (str_ieq(hostport_undotted((struct str){p, n}), host))
            return true;
        p += n;
    }
    return false;
}

static bool is_our_host(const struct settings *settings, struct str text)
{
    struct hostport host, own;

    if (text.n == 0) /* no browser, and no name either */
        return true;
    if (strcmp(settings->admin_hosts, "*") == 0)
        return true;
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

/* Is the origin that of the listener itself, as the request calls it? */
static bool is_own_origin(struct str origin, struct str host)
{
    const struct str scheme = STR("http://");

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

bool access_refuse(const struct settings *settings, const struct api_request *request,
                   struct api_response *response)
{
    bool is_change = changes_something(request->method);

    if (!is_our_host(settings, request->host)) {
        answer_error(response, 403, "AccessDeniedException",
                     "Host is a name that this listener is not known by; call it by its address, "
                     "or add the name to the setting admin.hosts.");
        return true;
    }
    if (request->origin.p && (is_change || !is_own_origin(request->origin, request->host))) {
        answer_error(response, 403, "AccessDeniedException",
                     is_change ? "Web pages cannot change anything here: the request has an Origin."
                               : "Requests from other sites' pages are not served.");
        return true;
    }
    if (is_change && request->content_type.p && is_of_forms(request->content_type)) {
        answer_error(response, 415, "UnsupportedMediaTypeException",
                     "Content-Type must be application/json: forms of web pages send this one.");
        return true;
    }
    return false;
}

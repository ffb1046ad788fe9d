/* Which file of the page a path is, and whether the browser has it already. */
#include "control/adminpage.h"

#include <stdlib.h>
#include <string.h>

#include "control/adminpage_files.h"
#include "control/answer.h"

/* Nothing is loaded from elsewhere or written into the page as text of a program: a name that looks
 * like HTML stays a name. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for "
    "'script'; trusted-types 'none'";

static const struct file {
    struct str path;
    const char *type;
    const unsigned char *bytes;
    size_t length;
    struct str etag;
} files[] = {
    {{"/", 1},
     "text/html; charset=utf-8",
     adminpage_files_html,
     sizeof(adminpage_files_html),
     {adminpage_files_html_etag, sizeof(adminpage_files_html_etag) - 1}},
    {{"/page.css", 9},
     "text/css; charset=utf-8",
     adminpage_files_css,
     sizeof(adminpage_files_css),
     {adminpage_files_css_etag, sizeof(adminpage_files_css_etag) - 1}},
    {{"/page.js", 8},
     "text/javascript; charset=utf-8",
     adminpage_files_js,
     sizeof(adminpage_files_js),
     {adminpage_files_js_etag, sizeof(adminpage_files_js_etag) - 1}},
};

static const struct file *find(struct str path)
{
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (str_eq(path, files[i].path))
            return &files[i];
    return NULL;
}

static bool is_read(struct str method)
{
    return str_eq(method, STR("GET")) || str_eq(method, STR("HEAD"));
}

bool adminpage_is_path(const struct api_request *request)
{
    return is_read(request->method) && !request->target.p && find(request->path);
}

/* If-None-Match (RFC 9110, section 13.1.2): "*", or a list of ETags, weak ones too. */
static bool is_had(struct str tags, struct str etag)
{
    return tags.p &&
           (str_eq(tags, STR("*")) || (tags.n > 0 && memmem(tags.p, tags.n, etag.p, etag.n)));
}

enum api_outcome adminpage_handle(const struct api_hooks *hooks, const struct api_request *request,
                                  struct api_waiter *waiter, struct api_response *out)
{
    const struct file *file = find(request->path);

    (void)hooks;
    (void)waiter;
    /* POST / is for the services that have one address. */
    if (!file || request->target.p || (file->path.n == 1 && !is_read(request->method)))
        return API_NOT_MINE;
    if (!is_read(request->method)) {
        answer_not_allowed(out, "GET, HEAD", "This file can be read only.");
        return API_ANSWERED;
    }
    out->policy = policy;
    answer_field(out, "ETag", "%.*s", STR_ARG(file->etag));
    if (is_had(request->if_none_match, file->etag)) {
        out->status = 304;
        return API_ANSWERED;
    }
    out->body = malloc(file->length);
    out->status = out->body ? 200 : 503;
    if (!out->body)
        return API_ANSWERED;
    memcpy(out->body, file->bytes, file->length);
    out->length = file->length;
    out->content_type = file->type;
    return API_ANSWERED;
}

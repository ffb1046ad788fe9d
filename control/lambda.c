/* The operations by method and path. One that only reads is answered at once; one that changes
 * something waits for its turn (control/change.h). */
#include "control/lambda.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/jsondoc.h"
#include "control/answer.h"
#include "control/change.h"
#include "control/lambda_alias.h"
#include "control/lambda_call.h"
#include "control/lambda_concurrency.h"
#include "control/lambda_function.h"
#include "control/lambda_tags.h"
#include "control/lambda_url.h"
#include "control/lambda_version.h"

#define FUNCTION    "/2015-03-31/functions/{F}"
#define CONCURRENCY "/2017-10-31/functions/{F}/concurrency"
#define PROVISIONED "/2019-09-30/functions/{F}/provisioned-concurrency"
#define TAGS        "/2017-03-31/tags/{R}"
#define URL         "/2021-10-31/functions/{F}/url"

/* clang-format off */

static const struct lambda_operation operations[] = {
    {"CreateFunction", "POST", "/2015-03-31/functions", LAMBDA_NO_NAME, lambda_function_create, lambda_function_created},
    {"ListFunctions", "GET", "/2015-03-31/functions", LAMBDA_NO_NAME, lambda_function_list, NULL},
    {"GetFunction", "GET", FUNCTION, LAMBDA_QUALIFIED, lambda_function_get, NULL},
    {"DeleteFunction", "DELETE", FUNCTION, LAMBDA_QUALIFIED, lambda_function_delete, lambda_function_deleted},
    {"GetFunctionConfiguration", "GET", FUNCTION "/configuration", LAMBDA_QUALIFIED,
     lambda_function_get_configuration, NULL},
    {"UpdateFunctionConfiguration", "PUT", FUNCTION "/configuration", LAMBDA_LATEST,
     lambda_function_update_configuration, lambda_function_updated},
    {"UpdateFunctionCode", "PUT", FUNCTION "/code", LAMBDA_LATEST, lambda_function_update_code, lambda_function_updated},

    {"PublishVersion", "POST", FUNCTION "/versions", LAMBDA_LATEST, lambda_version_publish, lambda_version_published},
    {"ListVersionsByFunction", "GET", FUNCTION "/versions", LAMBDA_PLAIN, lambda_version_list, NULL},

    {"CreateAlias", "POST", FUNCTION "/aliases", LAMBDA_PLAIN, lambda_alias_create, lambda_alias_created},
    {"ListAliases", "GET", FUNCTION "/aliases", LAMBDA_PLAIN, lambda_alias_list, NULL},
    {"GetAlias", "GET", FUNCTION "/aliases/{N}", LAMBDA_PLAIN, lambda_alias_get, NULL},
    {"UpdateAlias", "PUT", FUNCTION "/aliases/{N}", LAMBDA_PLAIN, lambda_alias_update, lambda_alias_updated},
    {"DeleteAlias", "DELETE", FUNCTION "/aliases/{N}", LAMBDA_PLAIN, lambda_alias_delete, lambda_alias_deleted},

    {"PutFunctionConcurrency", "PUT", CONCURRENCY, LAMBDA_OF_FUNCTION, lambda_concurrency_put, lambda_concurrency_was_put},
    {"DeleteFunctionConcurrency", "DELETE", CONCURRENCY, LAMBDA_OF_FUNCTION, lambda_concurrency_delete,
     lambda_concurrency_deleted},
    {"GetFunctionConcurrency", "GET", "/2019-09-30/functions/{F}/concurrency", LAMBDA_OF_FUNCTION,
     lambda_concurrency_get, NULL},
    {"PutProvisionedConcurrencyConfig", "PUT", PROVISIONED, LAMBDA_QUALIFIED, lambda_concurrency_put_provisioned, NULL},
    {"GetProvisionedConcurrencyConfig", "GET", PROVISIONED, LAMBDA_QUALIFIED, lambda_concurrency_get_provisioned, NULL},
    {"DeleteProvisionedConcurrencyConfig", "DELETE", PROVISIONED, LAMBDA_QUALIFIED,
     lambda_concurrency_delete_provisioned, NULL},
    {"GetAccountSettings", "GET", "/2016-08-19/account-settings", LAMBDA_NO_NAME, lambda_concurrency_account, NULL},

    {"CreateFunctionUrlConfig", "POST", URL, LAMBDA_QUALIFIED, lambda_url_create, lambda_url_created},
    {"GetFunctionUrlConfig", "GET", URL, LAMBDA_QUALIFIED, lambda_url_get, NULL},
    {"UpdateFunctionUrlConfig", "PUT", URL, LAMBDA_QUALIFIED, lambda_url_update, lambda_url_updated},
    {"DeleteFunctionUrlConfig", "DELETE", URL, LAMBDA_QUALIFIED, lambda_url_delete, lambda_url_deleted},
    {"ListFunctionUrlConfigs", "GET", "/2021-10-31/functions/{F}/urls", LAMBDA_PLAIN, lambda_url_list, NULL},

    {"TagResource", "POST", TAGS, LAMBDA_NO_NAME, lambda_tags_add, lambda_tags_changed},
    {"UntagResource", "DELETE", TAGS, LAMBDA_NO_NAME, lambda_tags_remove, lambda_tags_changed},
    {"ListTags", "GET", TAGS, LAMBDA_NO_NAME, lambda_tags_list, NULL},
};

/* clang-format on */

enum { NR_OPERATIONS = sizeof(operations) / sizeof(operations[0]) };

/* ---- Which operation it is ------------------------------------------------------------------- */

/* /2015-03-31/... */
static bool is_dated(struct str path)
{
    static const char form[] = "/0000-00-00/";

    if (path.n < sizeof(form) - 1)
        return false;
    for (size_t i = 0; i < sizeof(form) - 1; i++) {
        bool is_digit = path.p[i] >= '0' && path.p[i] <= '9';
        if (form[i] == '0' ? !is_digit : path.p[i] != form[i])
            return false;
    }
    return true;
}

/* What stands before the next '/', which is cut off too. */
static struct str cut(struct str *rest)
{
    struct str segment = str_until(*rest, '/');
    size_t used = segment.n + (segment.n < rest->n);

    rest->p += used;
    rest->n -= used;
    return segment;
}

/* Is path of this form? Sets what stands for {F} or {R}, and {N}. A slash at the end does not
 * count. */
static bool is_path(struct str path, const char *form, struct str segments[2])
{
    struct str rest = path, wanted = str_of(form);

    segments[0] = segments[1] = (struct str){NULL, 0};
    if (rest.n > 1 && rest.p[rest.n - 1] == '/')
        rest.n--;
    while (wanted.n > 0) {
        struct str want = cut(&wanted), all = rest, is = cut(&rest);

        if (str_eq(want, STR("{R}"))) {
            segments[0] = all;
            return all.n > 0;
        }
        if (str_eq(want, STR("{F}")) || str_eq(want, STR("{N}"))) {
            segments[want.p[1] == 'N'] = is;
            if (is.n == 0)
                return false;
        } else if (!str_eq(want, is)) {
            return false;
        }
    }
    return rest.n == 0;
}

static bool is_method(struct str method, const char *wanted)
{
    return str_eq(method, str_of(wanted)) ||
           (str_eq(method, STR("HEAD")) && strcmp(wanted, "GET") == 0);
}

/* NULL where there is none; *other is then an operation with another method on the path. */
static const struct lambda_operation *find(struct str method, struct str path,
                                           struct str segments[2],
                                           const struct lambda_operation **other)
{
    *other = NULL;
    for (int i = 0; i < NR_OPERATIONS; i++) {
        const struct lambda_operation *o = &operations[i];

        if (!is_path(path, o->path, segments))
            continue;
        if (is_method(method, o->method))
            return o;
        *other = o;
    }
    return NULL;
}

const char *lambda_operation_name(struct str method, struct str path)
{
    const struct lambda_operation *other, *operation;
    struct str segments[2];

    operation = is_dated(path) ? find(method, path, segments, &other) : NULL;
    return operation ? operation->name : NULL;
}

static void answer_unknown(struct api_response *out)
{
    answer_error(out, 404, "UnknownOperationException",
                 "This is no operation of the Lambda API that weir serves; its documentation, "
                 "docs/lambda.md, lists them.");
}

/* The path has operations of other methods: the same, but 405 with the methods. */
static void answer_other_method(const struct api_request *request, struct api_response *out)
{
    struct jsondoc_text allow = {0};
    struct str segments[2];

    answer_unknown(out);
    out->status = 405;
    for (int i = 0; i < NR_OPERATIONS; i++)
        if (is_path(request->path, operations[i].path, segments))
            jsondoc_append(&allow, "%s%s%s", allow.n > 0 ? ", " : "", operations[i].method,
                           strcmp(operations[i].method, "GET") == 0 ? ", HEAD" : "");
    answer_field(out, "Allow", "%s", allow.s);
}

/* ---- Serving --------------------------------------------------------------------------------- */

static void run(struct lambda_call *call)
{
    bool has_body =
        strcmp(call->operation->method, "PUT") == 0 || strcmp(call->operation->method, "POST") == 0;

    lambda_call_read_names(call);
    if (!has_body || lambda_call_read_body(call))
        call->operation->handle(call);
}

static void free_call(void *state)
{
    lambda_call_fini(state);
    free(state);
}

static void take_turn(struct change *change)
{
    struct lambda_call *call = calloc(1, sizeof(*call));
    const struct lambda_operation *other;

    if (!call) {
        answer_json(&change->response, 503, NULL);
        return;
    }
    change->state = call;
    change->state_free = free_call;
    call->hooks = change->hooks;
    call->request = &change->request;
    call->out = &change->response;
    call->change = change;
    call->operation = find(call->request->method, call->request->path, call->segments, &other);
    run(call);
}

enum api_outcome lambda_handle(const struct api_hooks *hooks, const struct api_request *request,
                               struct api_waiter *waiter, struct api_response *response)
{
    struct lambda_call call = {.hooks = hooks, .request = request, .out = response};
    const struct lambda_operation *other;

    if (!is_dated(request->path))
        return API_NOT_MINE;
    call.operation = find(request->method, request->path, call.segments, &other);
    if (!call.operation) {
        if (other)
            answer_other_method(request, response);
        else
            answer_unknown(response);
        return API_ANSWERED;
    }
    if (call.operation->finish)
        return change_begin(hooks, request, waiter, response, take_turn) ? API_ANSWERED : API_LATER;
    run(&call);
    lambda_call_fini(&call);
    return API_ANSWERED;
}

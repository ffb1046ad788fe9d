/* From a request to a version, which is drawn once; what happens later (retries, failover)
 * never draws again. */
#include "proxy/exchange/pick.h"

#include <stdarg.h>
#include <stdio.h>

#include "proxy/upstream/balance.h"
#include "router/invoke.h"

enum { PICKS_MAX = 16, CACHE_LINE = 64, TYPE_SHOWN_MAX = 128 };

static int refuse(struct choice *out, int status, const char *type, enum metrics_rejection why,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));

static int refuse(struct choice *out, int status, const char *type, enum metrics_rejection why,
                  const char *format, ...)
{
    va_list args;

    out->status = status;
    out->type = type;
    out->rejection = why;
    va_start(args, format);
    vsnprintf(out->message, sizeof(out->message), format, args);
    va_end(args);
    return -1;
}

/* ---- Targets --------------------------------------------------------------------------------- */

static int check_invoke(struct choice *out, enum invoke_result result, const struct head *head)
{
    switch (result) {
    case INVOKE_BAD_NAME:
        return refuse(out, 400, "ValidationException", METRICS_REJECTION_BAD_ADDRESS,
                      "1 validation error detected: the function name in the path is neither a "
                      "name, name:qualifier, "
                      "nor a partial or full ARN");
    case INVOKE_BAD_QUALIFIER:
        return refuse(out, 400, "ValidationException", METRICS_REJECTION_BAD_ADDRESS,
                      "1 validation error detected: the qualifier is neither $LATEST, a version "
                      "number nor an alias "
                      "name");
    case INVOKE_MISMATCH:
        return refuse(
            out, 400, "InvalidParameterValueException", METRICS_REJECTION_BAD_ADDRESS,
            "The derived qualifier from the function name does not match the specified qualifier.");
    default:
        break;
    }
    if (!str_eq(head_method(head), STR("POST")))
        return refuse(out, 405, "MethodNotAllowedException", METRICS_REJECTION_METHOD,
                      "An invocation is a POST.");
    return 0;
}

/* X-Amz-Invocation-Type. */
enum invocation { INVOCATION_SYNC, INVOCATION_DRY_RUN, INVOCATION_EVENT };

/* The Invoke API's own field: a route's request with it is an ordinary request. Where it comes more
 * than once each value has to be right, and one that asks not to run, or not to wait, counts. 0, or
 * -1 with the refusal. */
static int read_type(struct choice *out, const struct head *head, enum invocation *type)
{
    const struct str name = STR("x-amz-invocation-type");

    *type = INVOCATION_SYNC;
    for (int i = 0; i < head->nr_fields; i++) {
        const struct head_field *f = &head->fields[i];
        struct str value = head_value(head, f);
        if (f->name_len != name.n || value.n == 0 || !str_ieq(head_name(head, f), name))
            continue;
        if (str_eq(value, STR("DryRun")))
            *type = INVOCATION_DRY_RUN;
        else if (str_eq(value, STR("Event")))
            *type = *type == INVOCATION_DRY_RUN ? INVOCATION_DRY_RUN : INVOCATION_EVENT;
        else if (!str_eq(value, STR("RequestResponse")))
            return refuse(out, 400, "ValidationException", METRICS_REJECTION_INVOCATION_TYPE,
                          "1 validation error detected: Value '%.*s' at 'invocationType' failed to "
                          "satisfy constraint: Member must satisfy enum value set: [Event, "
                          "RequestResponse, DryRun]",
                          value.n < TYPE_SHOWN_MAX ? (int)value.n : TYPE_SHOWN_MAX, value.p);
    }
    return 0;
}

/* What is not run ends here, before a version is drawn. 0 where it is to run. */
static int refuse_type(struct choice *out, enum invocation type)
{
    switch (type) {
    case INVOCATION_DRY_RUN:
        out->status = 204;
        return -1;
    case INVOCATION_EVENT:
        return refuse(out, 400, "InvalidParameterValueException", METRICS_REJECTION_INVOCATION_TYPE,
                      "The invocation type Event is not served yet: weir answers when the function "
                      "has run. Use RequestResponse.");
    default:
        return 0;
    }
}

static int find_invoked(struct choice *out, const struct table *table,
                        const struct invoke_address *address)
{
    bool knows_function = false;
    struct str qualifier = address->qualifier.n > 0 ? address->qualifier : STR("$LATEST");

    out->target = table_find(table, address->function, qualifier, &knows_function);
    if (out->target)
        return 0;
    return refuse(out, 404, "ResourceNotFoundException", METRICS_REJECTION_NOT_FOUND,
                  knows_function ? "Function not found: %.*s:%.*s (the function exists, but has no "
                                   "such version or alias)"
                                 : "Function not found: %.*s:%.*s",
                  STR_ARG(address->function), STR_ARG(qualifier));
}

static int find_routed(struct choice *out, const struct table *table, struct str host,
                       struct str path)
{
    const struct route *route = table_route(table, host, path);

    if (!route)
        return refuse(out, 404, "ResourceNotFoundException", METRICS_REJECTION_NOT_FOUND,
                      "No route matches this host and path.");
    if (route->terms && route->terms->is_iam)
        return refuse(out, 403, "AccessDeniedException", METRICS_REJECTION_NOT_FOUND,
                      "Signed requests are not served by routes yet.");
    out->target = table_target(table, route->target);
    out->request.path = path;
    if (route->strip_prefix) {
        /* "/shop" off "/shop/cart" leaves "/cart"; the root route has nothing to take off. */
        size_t n = route->path.n;
        if (n > 0 && route->path.p[n - 1] == '/')
            n--;
        out->request.prefix = (struct str){path.p, n};
        out->request.path = (struct str){path.p + n, path.n - n};
    }
    return 0;
}

/* With many functions little of a target is in the cache, and the draw, a locked instruction, keeps
 * later reads from being begun before it is done. So they are begun here: for the first arm, which
 * has most of the picks. 1 000 functions in turn: some 80 ns a request. */
static void fetch_ahead(struct worker *w, const struct target *target)
{
    const char *version = (const char *)target->arms[0].version;

    __builtin_prefetch(target->function);
    __builtin_prefetch(version);
    __builtin_prefetch(version + CACHE_LINE);
    uint32_t series = atomic_load_explicit(&target->arms[0].series, memory_order_relaxed);
    __builtin_prefetch(metrics_slots_find(&w->metrics->cells, series), 1);
}

/* Draws; a table whose split was closed is superseded, and the newer one is asked. */
int pick_version(struct choice *out, struct worker *w, const struct head *head)
{
    struct invoke_address address;
    struct str path = head_path(head), query = head_query(head);
    enum invocation type = INVOCATION_SYNC;
    enum invoke_result invoked;

    if (path.n == 0)
        path = STR("/");
    out->lease = NULL;
    out->request = (struct request_options){.has_query = false};
    invoked = invoke_parse(&address, path, query);
    out->request.is_invoke = invoked != INVOKE_NOT_THIS;
    if (out->request.is_invoke &&
        (check_invoke(out, invoked, head) < 0 || read_type(out, head, &type) < 0))
        return -1;
    for (int i = 0; i < PICKS_MAX; i++) {
        /* Whoever was told that a change is in force must find it so, though the worker may not
         * have got to its orders yet; closed splits alone do not see to that, as those with one
         * version are never closed. */
        worker_take_table(w);
        out->lease = lease_ref(w->lease);
        int r = out->request.is_invoke
                    ? find_invoked(out, out->lease->table, &address)
                    : find_routed(out, out->lease->table,
                                  head_at(head, head->host_at, head->host_len), path);
        if (r < 0 || refuse_type(out, type) < 0)
            return -1;
        if (!out->request.is_invoke) {
            out->request.query = query;
            out->request.has_query = head->has_query;
        }
        fetch_ahead(w, out->target);
        r = out->target->split ? split_pick(out->target->split, &w->rng) : 0;
        if (r >= 0) {
            out->arm = &out->target->arms[r];
            return 0;
        }
        if (r != SPLIT_CLOSED)
            break;
        lease_unref(&out->lease);
    }
    return refuse(out, 503, "ServiceException", METRICS_REJECTION_NO_MEMORY,
                  "weir is out of memory.");
}

/* ---- Failover -------------------------------------------------------------------------------- */

struct arm *pick_other_arm(struct worker *w, struct target *target, const struct arm *not_this)
{
    struct arm *best = NULL;

    for (int i = 0; i < target->nr_arms; i++) {
        struct arm *arm = &target->arms[i];
        if (arm == not_this || (best && arm->weight <= best->weight))
            continue;
        if (balance_has_place(w, arm->version))
            best = arm;
    }
    return best;
}

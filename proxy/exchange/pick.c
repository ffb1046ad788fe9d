/* From a request to a version, which is drawn once; what happens later (retries, failover)
 * never draws again. */
#include "proxy/exchange/pick.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/jsoncheck.h"
#include "proxy/exchange/fixed.h"
#include "proxy/exchange/terms.h"
#include "proxy/upstream/balance.h"
#include "router/ward.h"

enum { PICKS_MAX = 16, CACHE_LINE = 64, VALUE_SHOWN_MAX = 128, CONTEXT_MAX = 3583 };

/* Of InvokeAsync, whose payloads did not grow with those of events. */
enum { ASYNC_BODY_MAX = 262144 };

enum pick_result pick_refuse(struct choice *out, int status, const char *type,
                             enum metrics_rejection why, const char *format, ...)
{
    va_list args;

    out->status = status;
    out->type_name = type;
    out->rejection = why;
    va_start(args, format);
    vsnprintf(out->message, sizeof(out->message), format, args);
    va_end(args);
    return PICK_REFUSED;
}

/* ---- The fields of an Invoke ----------------------------------------------------------------- */

static int refuse_value(struct choice *out, struct str value, const char *member, const char *set)
{
    int n = value.n < VALUE_SHOWN_MAX ? (int)value.n : VALUE_SHOWN_MAX;

    return pick_refuse(out, 400, "ValidationException", METRICS_REJECTION_INVOCATION_TYPE,
                       "1 validation error detected: Value '%.*s' at '%s' failed to satisfy "
                       "constraint: Member must satisfy enum value set: [%s]",
                       n, value.p, member, set);
}

/* Where it comes more than once each value has to be right, and one that asks not to run, or not to
 * wait, counts. */
static int read_type(struct choice *out, struct str value)
{
    bool is_stream = out->operation == INVOKE_STREAM;

    if (str_eq(value, STR("DryRun")))
        out->type = PICK_DRY_RUN;
    else if (str_eq(value, STR("Event")) && !is_stream)
        out->type = out->type == PICK_DRY_RUN ? PICK_DRY_RUN : PICK_EVENT;
    else if (!str_eq(value, STR("RequestResponse")))
        return refuse_value(out, value, "invocationType",
                            is_stream ? "RequestResponse, DryRun"
                                      : "Event, RequestResponse, DryRun");
    return 0;
}

static int read_log_type(struct choice *out, struct str value)
{
    if (str_eq(value, STR("Tail")))
        out->wants_log = true;
    else if (!str_eq(value, STR("None")))
        return refuse_value(out, value, "logType", "None, Tail");
    return 0;
}

/* Base64 of a JSON object. */
static bool is_context(struct str value)
{
    struct jsoncheck check = {0};
    char text[CONTEXT_MAX];
    ptrdiff_t n = base64_read(text, value);

    return n >= 0 && jsoncheck_feed(&check, (struct str){text, (size_t)n}) &&
           jsoncheck_end(&check) && check.is_object;
}

static int check_context(struct choice *out, struct str value)
{
    if (value.n > CONTEXT_MAX)
        return pick_refuse(out, 400, "InvalidRequestContentException",
                           METRICS_REJECTION_BAD_CONTENT,
                           "Client context must be at most %d bytes of Base64, and has %zu.",
                           CONTEXT_MAX, value.n);
    if (!is_context(value))
        return pick_refuse(out, 400, "InvalidRequestContentException",
                           METRICS_REJECTION_BAD_CONTENT,
                           "Client context must be a valid Base64-encoded JSON object.");
    return 0;
}

/* The lengths of the names that read_field knows: what most fields are passed over by. */
#define LENGTH(literal) (UINT64_C(1) << (sizeof(literal) - 1))
#define LENGTHS                                                                                    \
    (LENGTH("x-amz-invocation-type") | LENGTH("amz-sdk-invocation-id") |                           \
     LENGTH("x-amz-log-type") | LENGTH("x-amz-client-context") | LENGTH("x-amzn-trace-id") |       \
     LENGTH(TUNING_ARN_FIELD))

static int read_field(struct choice *out, struct head *head, struct head_field *f)
{
    struct str name = head_name(head, f), value = head_value(head, f);

    if (str_ieq(name, STR(TUNING_ARN_FIELD)))
        head_drop(head, f); /* weir's own word */
    else if (value.n == 0)
        return 0;
    else if (str_ieq(name, STR("amz-sdk-invocation-id")))
        out->attempt_id = value;
    else if (str_ieq(name, STR("x-amzn-trace-id")))
        out->trace = value;
    else if (str_ieq(name, STR("x-amz-invocation-type")))
        return read_type(out, value);
    else if (str_ieq(name, STR("x-amz-log-type")))
        return read_log_type(out, value);
    else if (str_ieq(name, STR("x-amz-client-context")))
        return check_context(out, value);
    return 0;
}

/* ---- Invocations ----------------------------------------------------------------------------- */

static int refuse_address(struct choice *out, const struct worker *w, enum invoke_result result,
                          const struct head *head)
{
    char reason[INVOKE_REASON_MAX];
    bool is_missing = result == INVOKE_OTHER_REGION;
    bool is_foreign = result == INVOKE_OTHER_ACCOUNT;

    invoke_explain(result, &w->tuning->home, head_path(head), head_query(head), reason);
    return pick_refuse(out,
                       is_missing   ? 404
                       : is_foreign ? 403
                                    : 400,
                       is_missing                  ? "ResourceNotFoundException"
                       : is_foreign                ? "AccessDeniedException"
                       : result == INVOKE_MISMATCH ? "InvalidParameterValueException"
                                                   : "ValidationException",
                       is_missing ? METRICS_REJECTION_NOT_FOUND : METRICS_REJECTION_BAD_ADDRESS,
                       "%s", reason);
}

enum pick_result pick_refuse_size(struct choice *out, bool is_event, uint64_t bytes, uint64_t limit)
{
    if (is_event)
        return pick_refuse(out, 413, "RequestEntityTooLargeException",
                           METRICS_REJECTION_BODY_TOO_LARGE,
                           "%llu byte payload is too large for the Event invocation type (limit "
                           "%llu bytes)",
                           (unsigned long long)bytes, (unsigned long long)limit);
    return pick_refuse(out, 413, "RequestEntityTooLargeException", METRICS_REJECTION_BODY_TOO_LARGE,
                       "Request must be smaller than %llu bytes for the InvokeFunction operation",
                       (unsigned long long)limit);
}

uint64_t pick_body_limit(const struct choice *out, const struct settings *s)
{
    uint64_t limit = s->limits.event_body_bytes;

    if (out->type != PICK_EVENT)
        return s->limits.invoke_body_bytes;
    return out->operation == INVOKE_ASYNC && limit > ASYNC_BODY_MAX ? ASYNC_BODY_MAX : limit;
}

/* What is wrong with an Invoke by itself, whatever the table says. 0, or -1 with the refusal. */
static int check_invoke(struct choice *out, const struct worker *w, enum invoke_result result,
                        struct head *head)
{
    uint64_t limit;

    if (result)
        return refuse_address(out, w, result, head);
    if (!str_eq(head_method(head), STR("POST")))
        return pick_refuse(out, 405, "MethodNotAllowedException", METRICS_REJECTION_METHOD,
                           "An invocation is a POST.");
    out->operation = (uint8_t)out->address.operation;
    for (int i = 0; i < head->nr_fields; i++)
        if (LENGTHS >> (head->fields[i].name_len & 63) & 1 &&
            read_field(out, head, &head->fields[i]) < 0)
            return -1;
    if (out->operation == INVOKE_ASYNC)
        out->type = PICK_EVENT;
    limit = pick_body_limit(out, w->tuning->settings);
    if (head->content_length > limit)
        return pick_refuse_size(out, out->type == PICK_EVENT, head->content_length, limit);
    return 0;
}

static int refuse_unknown(struct choice *out, const struct worker *w, struct str function,
                          struct str qualifier)
{
    char arn[ARN_ADDED_MAX + INVOKE_NAME_MAX + INVOKE_QUALIFIER_MAX];
    char *end;

    if (qualifier.n > INVOKE_QUALIFIER_MAX)
        qualifier.n = INVOKE_QUALIFIER_MAX;
    end = arn_write(arn, &w->tuning->home, function, qualifier);
    return pick_refuse(out, 404, "ResourceNotFoundException", METRICS_REJECTION_NOT_FOUND,
                       "Function not found: %.*s", (int)(end - arn), arn);
}

static int find_invoked(struct choice *out, const struct worker *w, const struct table *table)
{
    const struct invoke_address *address = &out->address;
    struct str qualifier = address->qualifier.n > 0 ? address->qualifier : STR("$LATEST");

    out->target = table_find(table, address->function, qualifier, NULL);
    if (out->target) {
        out->request.function = address->function;
        out->request.qualifier = address->qualifier;
        return 0;
    }
    return refuse_unknown(out, w, address->function, qualifier);
}

/* What is not run ends here, before a version is drawn. 0 where it is to run. */
static int refuse_dry_run(struct choice *out)
{
    if (out->type != PICK_DRY_RUN)
        return 0;
    out->status = 204;
    return -1;
}

/* ---- Routes ---------------------------------------------------------------------------------- */

enum pick_result pick_forbid(struct choice *out)
{
    return pick_refuse(out, 403, "AccessDeniedException", METRICS_REJECTION_UNAUTHORIZED,
                       "Forbidden. For troubleshooting Function URL authorization issues, see: "
                       "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html");
}

/* Who may ask so, and what is answered for the function. 0, or -1 with the refusal. */
static int take_terms(struct choice *out, const struct worker *w, const struct head *head,
                      const struct url_terms *terms, bool is_gathered)
{
    out->terms = terms;
    if (terms_is_preflight(terms, head)) {
        out->is_preflight = true;
        return -1;
    }
    if (terms->is_iam && is_gathered &&
        !terms_permit(out->key, &w->tuning->home, out->target->function->name, out->target->alias))
        return pick_forbid(out);
    return 0;
}

/* A host that names a function's URL: 0, or -1 with the refusal, as Lambda has them. 1: it names
 * none. */
static int find_url(struct choice *out, struct worker *w, const struct head *head, bool is_gathered)
{
    const struct table *table = out->lease->table;
    struct urlindex_found found;

    if (!urlindex_find(w, table, head_at(head, head->host_at, head->host_len), &found))
        return 1;
    if (!found.function)
        return pick_refuse(out, 403, "AccessDeniedException", METRICS_REJECTION_NOT_FOUND, "%s",
                           "");
    out->target = table_find(table, found.function->name, found.url->qualifier, NULL);
    if (!out->target)
        return pick_forbid(out);
    memcpy(out->api_id, found.id, sizeof(found.id));
    return take_terms(out, w, head, found.url->terms, is_gathered);
}

/* No HTTP behind it: the body is the payload of an Invoke. */
static int take_as_invoke(struct choice *out, const struct head *head, struct str qualifier)
{
    if (!str_eq(head_method(head), STR("POST")))
        return pick_refuse(out, 405, "MethodNotAllowedException", METRICS_REJECTION_METHOD,
                           "This route invokes a function that speaks no HTTP: POST its payload, "
                           "or set \"function_url\" on the route.");
    out->request = (struct request_options){
        .is_invoke = true,
        .function = out->target->function->name,
        .qualifier = qualifier,
    };
    return 0;
}

/* "/shop" off "/shop/cart" leaves "/cart"; the root route has nothing to take off. */
static void strip_prefix(struct choice *out, struct str prefix)
{
    struct str path = out->request.path;
    size_t n = prefix.n;

    if (n > 0 && prefix.p[n - 1] == '/')
        n--;
    out->request.prefix = (struct str){path.p, n};
    out->request.path = (struct str){path.p + n, path.n - n};
}

static int find_routed(struct choice *out, struct worker *w, const struct head *head,
                       struct str path, bool is_gathered)
{
    struct str host = head_at(head, head->host_at, head->host_len);
    const struct route *route;
    int r = host.n < URLINDEX_HOST_MIN ? 1 : find_url(out, w, head, is_gathered);

    out->request.path = path;
    out->request.query = head_query(head);
    out->request.has_query = head->has_query;
    if (r <= 0)
        return r;
    route = table_route(out->lease->table, host, path);
    if (!route)
        return pick_refuse(out, 404, "ResourceNotFoundException", METRICS_REJECTION_NOT_FOUND,
                           "No route matches this host and path.");
    out->target = table_target(out->lease->table, route->target);
    if (route->strip_prefix)
        strip_prefix(out, route->path);
    if (route->terms && take_terms(out, w, head, route->terms, is_gathered) < 0)
        return -1;
    if (out->target->is_gathered && !(route->terms && route->terms->is_event))
        return take_as_invoke(out, head, out->target->alias);
    return 0;
}

/* ---- The draw -------------------------------------------------------------------------------- */

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

static enum pick_result refuse_for_memory(struct choice *out)
{
    return pick_refuse(out, 503, "ServiceException", METRICS_REJECTION_NO_MEMORY,
                       "weir is out of memory.");
}

/* The newest table: whoever was told that a change is in force must find it so, though the worker
 * may not have got to its orders yet; closed splits alone do not see to that, as those with one
 * version are never closed. */
static inline void take_lease(struct choice *out, struct worker *w)
{
    if (!worker_has_newest_table(w))
        worker_take_table(w);
    out->lease = lease_ref(w->lease);
}

/* The arm of the target that has a version, or else, where the alias has moved on, its own.
 * False where the function has it no more, and where it was taken back. */
static bool find_arm(struct choice *out, struct str version)
{
    struct target *own;

    for (int i = 0; i < out->target->nr_arms; i++) {
        if (!str_eq(out->target->arms[i].version->name, version))
            continue;
        out->arm = &out->target->arms[i];
        return true;
    }
    own = table_find(out->lease->table, out->target->function->name, version, NULL);
    if ((out->target->wards && ward_is_taken_back(out->target->wards, version)) || !own ||
        own->alias.n > 0)
        return false;
    out->target = own;
    out->arm = &own->arms[0];
    return true;
}

static uint64_t key_of(const struct choice *out, const struct worker *w)
{
    return pins_key(&w->shared->pins, out->attempt_id, out->request.function,
                    out->request.qualifier);
}

/* Another attempt of a call runs the version of the first. */
static bool find_pinned(struct choice *out, struct worker *w)
{
    char name[24] = "$LATEST";
    uint64_t version;

    if (w->tuning->settings->invoke.retry_pin_ms == 0 ||
        !pins_find(&w->shared->pins, key_of(out, w), w->loop.now_ms, &version))
        return false;
    if (version > 0)
        snprintf(name, sizeof(name), "%llu", (unsigned long long)version);
    out->is_pinned = find_arm(out, str_of(name));
    return out->is_pinned;
}

static void pin(const struct choice *out, struct worker *w)
{
    uint64_t now_ms = w->loop.now_ms, version;
    uint32_t pin_ms = w->tuning->settings->invoke.retry_pin_ms;

    if (pin_ms > 0 && pins_version(out->arm->version->name, &version))
        pins_keep(&w->shared->pins, key_of(out, w), now_ms, now_ms + pin_ms, version);
}

static enum pick_result throttle(struct choice *out, const char *reason)
{
    out->reason = reason;
    return pick_refuse(out, 429, "TooManyRequestsException", METRICS_REJECTION_OVERLOAD,
                       "Rate Exceeded.");
}

/* What is throttled draws nothing, so the order of the others is as if it had not been there. An
 * event is throttled when it runs. 0, or PICK_REFUSED. */
static inline int enter(struct choice *out, const struct worker *w)
{
    uint32_t by_default = w->tuning->settings->limits.in_flight;
    const char *reason;

    if ((!out->target->is_limited && by_default == 0) || out->type == PICK_EVENT)
        return 0;
    reason = in_flight_enter(out->in_flight, out->target->function, by_default);
    return reason ? throttle(out, reason) : 0;
}

/* Beside 0 and PICK_REFUSED: the table is superseded, and the newer one is to be asked; the payload
 * is to be gathered first; nothing has decided yet. */
enum draw { DRAW_AGAIN = 1, DRAW_GATHER, DRAW_ON };

/* What the request itself says of the version, where the alias lets it. */
static int fix(struct choice *out, struct worker *w, const struct head *head, bool is_gathered)
{
    enum fixed fixed;

    out->asked = out->target;
    fixed = head ? fixed_pick(out, w, head, is_gathered) : FIXED_NOT;
    if (fixed == FIXED_NOT)
        return DRAW_ON;
    if (fixed == FIXED_UNKNOWN)
        return refuse_unknown(out, w, out->target->function->name, out->unknown);
    if (out->has_other_kind && !out->request.is_invoke && !(out->terms && out->terms->is_event) &&
        take_as_invoke(out, head, out->target->alias) < 0)
        return PICK_REFUSED;
    return fixed == FIXED_GATHER ? DRAW_GATHER : 0;
}

/* All that may come before a ticket where the alias has terms. */
static __attribute__((noinline)) int settle(struct choice *out, struct worker *w,
                                            const struct head *head, bool is_gathered)
{
    int r = fix(out, w, head, is_gathered);

    if (r != DRAW_ON)
        return r;
    if (out->attempt_id.n > 0 && find_pinned(out, w))
        return 0;
    if (assign_version(out, w, head) != ASSIGN_DONE)
        return DRAW_ON;
    if (out->attempt_id.n > 0 && out->picked == PICKED_STICKY)
        pin(out, w);
    return 0;
}

/* Of the target that was found: 0, PICK_REFUSED with the refusal, DRAW_AGAIN or DRAW_GATHER. head:
 * NULL where there is none any more. */
static inline __attribute__((always_inline)) int draw(struct choice *out, struct worker *w,
                                                      const struct head *head, bool is_gathered)
{
    int r;

    out->picked = out->target->alias.n == 0          ? PICKED_NAMED
                  : out->target->mode == SPLIT_EXACT ? PICKED_EXACT
                                                     : PICKED_RANDOM;
    if (out->target->terms) {
        r = settle(out, w, head, is_gathered);
        if (r != DRAW_ON)
            return r;
    } else if (out->attempt_id.n > 0 && find_pinned(out, w)) {
        return 0;
    }
    if (out->target->is_limited && out->type != PICK_EVENT) {
        const char *reason = in_flight_look(out->target);
        if (reason)
            return throttle(out, reason);
    }
    fetch_ahead(w, out->target);
    r = out->target->split ? split_pick(out->target->split, &w->rng) : 0;
    if (r >= 0) {
        out->arm = &out->target->arms[r];
        if (out->attempt_id.n > 0)
            pin(out, w);
        return 0;
    }
    if (r != SPLIT_CLOSED)
        return refuse_for_memory(out);
    lease_unref(&out->lease);
    return DRAW_AGAIN;
}

static inline bool needs_payload(const struct choice *out)
{
    return out->target->is_gathered || out->type == PICK_EVENT ||
           (out->terms && out->terms->is_iam);
}

/* Each member that is read where nobody has set it. All of them at once took twice as long. */
static inline void clear_request(struct request_options *request)
{
    request->path.n = request->query.n = request->prefix.n = request->request_id.n = 0;
    request->has_query = request->is_post = request->is_upgrade = false;
    request->headers = NULL;
}

enum pick_result pick_version(struct choice *out, struct worker *w, struct head *head,
                              bool is_gathered)
{
    struct str path = head_path(head);
    enum invoke_result invoked;

    if (path.n == 0)
        path = STR("/");
    out->lease = NULL;
    clear_request(&out->request);
    out->type = PICK_SYNC;
    out->operation = INVOKE_BUFFERED;
    out->wants_log = out->is_preflight = out->is_pinned = out->has_other_kind = false;
    out->asked = NULL;
    out->picked = PICKED_NAMED;
    out->caller.is_known = false;
    out->issued.source = NULL;
    out->attempt_id.n = out->trace.n = 0;
    out->terms = NULL;
    out->api_id[0] = '\0';
    invoked =
        !invoke_may_be(path) || urlindex_is_host(w, head_at(head, head->host_at, head->host_len))
            ? INVOKE_NOT_THIS /* all of a function URL is the function's */
            : invoke_parse(&out->address, &w->tuning->home, path, head_query(head));
    bool is_invoke = invoked != INVOKE_NOT_THIS;
    out->request.is_invoke = is_invoke;
    if (is_invoke && check_invoke(out, w, invoked, head) < 0)
        return PICK_REFUSED;
    for (int i = 0; i < PICKS_MAX; i++) {
        take_lease(out, w);
        int r = is_invoke ? find_invoked(out, w, out->lease->table)
                          : find_routed(out, w, head, path, is_gathered);
        if (r < 0 || refuse_dry_run(out) < 0)
            return PICK_REFUSED;
        if (!is_gathered && needs_payload(out))
            return PICK_GATHER;
        r = enter(out, w);
        if (r == 0)
            r = draw(out, w, head, is_gathered);
        if (r > 0)
            in_flight_leave(out->in_flight);
        if (r == DRAW_GATHER)
            return PICK_GATHER;
        if (r == DRAW_AGAIN)
            continue;
        if (r == 0 && out->asked)
            fixed_strip(out->asked->terms, head);
        return (enum pick_result)r;
    }
    return refuse_for_memory(out);
}

static void begin_named(struct choice *out, struct str function, struct str qualifier)
{
    out->lease = NULL;
    out->target = NULL;
    out->type = PICK_SYNC;
    out->operation = INVOKE_BUFFERED;
    out->wants_log = out->is_preflight = out->is_pinned = out->has_other_kind = false;
    out->asked = NULL;
    out->picked = PICKED_NAMED;
    out->caller.is_known = false;
    out->issued.source = NULL;
    out->attempt_id.n = out->trace.n = 0;
    out->terms = NULL;
    out->api_id[0] = '\0';
    out->request = (struct request_options){.is_invoke = true};
    out->address.function = function;
    out->address.qualifier = qualifier;
}

enum pick_result pick_named(struct choice *out, struct worker *w, struct str function,
                            struct str qualifier)
{
    begin_named(out, function, qualifier);
    for (int i = 0; i < PICKS_MAX; i++) {
        int r;
        take_lease(out, w);
        r = find_invoked(out, w, out->lease->table);
        if (r == 0)
            r = enter(out, w);
        if (r == 0)
            r = draw(out, w, NULL, true);
        if (r <= 0)
            return (enum pick_result)r;
        in_flight_leave(out->in_flight);
    }
    return refuse_for_memory(out);
}

enum pick_result pick_again(struct choice *out, struct worker *w, struct str function,
                            struct str qualifier, struct str version)
{
    struct target *alias;

    begin_named(out, function, version);
    out->status = 0;
    take_lease(out, w);
    if (find_invoked(out, w, out->lease->table) < 0)
        return PICK_REFUSED;
    out->request.qualifier = qualifier;
    alias = qualifier.n > 0 ? table_find(out->lease->table, function, qualifier, NULL) : NULL;
    if (alias)
        out->target = alias;
    if (!find_arm(out, version))
        return PICK_REFUSED;
    return enter(out, w) < 0 ? PICK_REFUSED : PICK_DONE;
}

enum pick_result pick_pinned(struct choice *out, struct worker *w, struct table *table,
                             struct str function, struct str qualifier, struct str version)
{
    struct target *alias;

    begin_named(out, function, version);
    out->request = (struct request_options){.is_post = true};
    out->lease = table == w->lease->table ? lease_ref(w->lease) : lease_make_take(table_ref(table));
    if (!out->lease)
        return refuse_for_memory(out);
    out->target = table_find(table, function, version, NULL);
    if (!out->target || out->target->alias.n > 0)
        return refuse_unknown(out, w, function, version);
    out->arm = &out->target->arms[0];
    alias = qualifier.n > 0 ? table_find(table, function, qualifier, NULL) : NULL;
    for (int i = 0; alias && i < alias->nr_arms; i++) {
        if (!str_eq(alias->arms[i].version->name, version))
            continue;
        out->target = alias;
        out->arm = &alias->arms[i];
        break;
    }
    return PICK_DONE;
}

enum pick_result pick_letter_box(struct choice *out, struct worker *w, struct str function)
{
    const struct function *f;

    begin_named(out, function, STR(""));
    take_lease(out, w);
    f = table_function(out->lease->table, function);
    out->target = f && f->more ? f->more->letter_box : NULL;
    if (!out->target)
        return pick_refuse(out, 404, "ResourceNotFoundException", METRICS_REJECTION_NOT_FOUND,
                           "The function %.*s has no URL as its dead_letter.", STR_ARG(function));
    out->arm = &out->target->arms[0];
    return PICK_DONE;
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

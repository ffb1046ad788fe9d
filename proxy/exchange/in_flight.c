/* Gauges of functions and versions. */
#include "proxy/exchange/in_flight.h"

static bool take(struct gauge *gauge, uint32_t limit)
{
    if (atomic_fetch_add_explicit(&gauge->value, 1, memory_order_relaxed) < limit)
        return true;
    atomic_fetch_sub_explicit(&gauge->value, 1, memory_order_relaxed);
    return false;
}

static const char of_reserve[] = "ReservedFunctionConcurrentInvocationLimitExceeded";
static const char of_limit[] = "ConcurrentInvocationLimitExceeded";

const char *in_flight_enter(struct in_flight *in, const struct function *function,
                            uint32_t default_limit)
{
    uint32_t limit = function->limit ? function->limit : default_limit;

    if (limit == 0)
        return NULL;
    if (function->concurrency > 0 && take(function->in_flight, limit)) {
        in->function = function->in_flight;
        return NULL;
    }
    return function->concurrency <= limit ? of_reserve : of_limit;
}

const char *in_flight_enter_version(struct in_flight *in, const struct version *version)
{
    if (version->max_in_flight == 0)
        return NULL;
    if (!take(version->in_flight, version->max_in_flight))
        return of_limit;
    in->version = version->in_flight;
    return NULL;
}

static bool is_full(const struct version *version)
{
    return version->max_in_flight > 0 &&
           atomic_load_explicit(&version->in_flight->value, memory_order_relaxed) >=
               version->max_in_flight;
}

const char *in_flight_look(const struct target *target)
{
    for (int i = 0; i < target->nr_arms; i++)
        if (target->arms[i].weight > 0 && !is_full(target->arms[i].version))
            return NULL;
    return of_limit;
}

void in_flight_hold(struct in_flight *in)
{
    in->is_held = true;
    if (in->function)
        gauge_ref(in->function);
    if (in->version)
        gauge_ref(in->version);
}

static void put(struct gauge **gauge, bool is_held)
{
    struct gauge *g = *gauge;

    *gauge = NULL;
    if (!g)
        return;
    atomic_fetch_sub_explicit(&g->value, 1, memory_order_relaxed);
    if (is_held)
        gauge_unref(&g);
}

void in_flight_give_back(struct in_flight *in)
{
    put(&in->function, in->is_held);
    put(&in->version, in->is_held);
}

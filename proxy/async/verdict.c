/* Lambda's rules of asynchronous invocation. */
#include "proxy/async/verdict.h"

const char *const verdict_conditions[VERDICT_CONDITION_COUNT] = {
#define X(name, condition) condition,
    VERDICT_CONDITIONS(X)
#undef X
};

/* first, doubled for each time after the first, at most max. */
static uint64_t doubled(uint64_t first, uint32_t nr_times, uint64_t max)
{
    uint64_t ms = first;

    for (uint32_t i = 1; i < nr_times && ms < max; i++)
        ms *= 2;
    return ms < max ? ms : max;
}

static struct verdict give_up(enum verdict_condition why)
{
    return (struct verdict){.next = VERDICT_GIVE_UP, .condition = why};
}

static uint64_t end_ms(const struct verdict_rules *rules, const struct verdict_past *past)
{
    return past->accepted_ms + rules->max_age_ms;
}

static struct verdict again(const struct verdict_rules *rules, const struct verdict_past *past,
                            uint64_t now_ms, uint64_t in_ms)
{
    uint64_t end = end_ms(rules, past);

    if (now_ms >= end)
        return give_up(VERDICT_AGE_EXCEEDED);
    return (struct verdict){.next = VERDICT_AGAIN,
                            .due_ms = in_ms < end - now_ms ? now_ms + in_ms : end};
}

struct verdict verdict_after(const struct verdict_rules *rules, struct verdict_past *past,
                             enum verdict_attempt attempt, uint64_t now_ms)
{
    past->attempts++;
    if (past->is_letter && attempt != VERDICT_RAN)
        attempt = VERDICT_SYSTEM_ERROR;
    past->in_vain = attempt == VERDICT_SYSTEM_ERROR ? past->in_vain + 1 : 0;
    switch (attempt) {
    case VERDICT_RAN:
        return (struct verdict){.next = VERDICT_OVER};
    case VERDICT_FORBIDDEN:
        return give_up(VERDICT_ZERO_CONCURRENCY);
    case VERDICT_FUNCTION_ERROR:
        past->function_errors++;
        if (past->function_errors > rules->retries)
            return give_up(VERDICT_RETRIES_EXHAUSTED);
        return again(rules, past, now_ms,
                     doubled(rules->retry_ms, past->function_errors, rules->max_age_ms));
    default:
        return again(rules, past, now_ms,
                     doubled(rules->backoff_ms, past->in_vain,
                             rules->backoff_ms > VERDICT_BACKOFF_MAX_MS ? rules->backoff_ms
                                                                        : VERDICT_BACKOFF_MAX_MS));
    }
}

struct verdict verdict_before(const struct verdict_rules *rules, const struct verdict_past *past,
                              uint64_t now_ms)
{
    if (!past->is_letter && past->function_errors > rules->retries)
        return give_up(VERDICT_RETRIES_EXHAUSTED); /* it was, but its dead letter found no place */
    if (now_ms >= end_ms(rules, past))
        return give_up(VERDICT_AGE_EXCEEDED);
    return (struct verdict){.next = VERDICT_AGAIN, .due_ms = now_ms};
}

/* What becomes of an event when an attempt has ended: Lambda's rules of asynchronous invocation.
 * Pure.
 *
 *     it ran                                  over
 *     a function error                        again after retry_ms, doubled each time; so often
 *     throttled, 5xx, no connection           again after backoff_ms, doubled up to 5 minutes,
 *                                             until the event is max_age_ms old
 *     its function may run none at all        never: given up at once
 *
 * A dead letter is an event as well, to which only the back-off applies. */
#ifndef WEIR_PROXY_ASYNC_VERDICT_H
#define WEIR_PROXY_ASYNC_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

enum { VERDICT_BACKOFF_MAX_MS = 300000 };

/* How an attempt ended. */
enum verdict_attempt {
    VERDICT_RAN,            /* the function answered without an error */
    VERDICT_FUNCTION_ERROR, /* it ran and failed */
    /* it did not run, or nobody knows: 429, 5xx, no connection, no such version */
    VERDICT_SYSTEM_ERROR,
    VERDICT_FORBIDDEN /* its function's reserved concurrency is 0 */
};

/* Why an event is given up: Lambda's conditions, in the order of EXPOSE_EVENT_DROPS. */
#define VERDICT_CONDITIONS(X)                                                                      \
    X(RETRIES_EXHAUSTED, "RetriesExhausted")                                                       \
    X(AGE_EXCEEDED, "EventAgeExceeded")                                                            \
    X(ZERO_CONCURRENCY, "ZeroReservedConcurrency")

enum verdict_condition {
#define X(name, condition) VERDICT_##name,
    VERDICT_CONDITIONS(X)
#undef X
        VERDICT_CONDITION_COUNT
};

extern const char *const verdict_conditions[VERDICT_CONDITION_COUNT];

struct verdict_rules {
    uint32_t retries;
    uint64_t retry_ms, backoff_ms, max_age_ms;
};

/* What is known of an event, all attempts included that have ended. */
struct verdict_past {
    uint64_t accepted_ms;
    uint32_t attempts;        /* all of them */
    uint32_t function_errors; /* attempts that ended so */
    uint32_t in_vain;         /* attempts that ended in a system error, since the last other end */
    bool is_letter;
};

enum verdict_next { VERDICT_OVER, VERDICT_AGAIN, VERDICT_GIVE_UP };

struct verdict {
    enum verdict_next next;
    uint64_t due_ms;                  /* of the next attempt */
    enum verdict_condition condition; /* why it is given up */
};

/* After an attempt that ended at now_ms: counts it in past and decides. The next attempt is due
 * when the event has reached its age at the latest; verdict_before gives it up then. */
struct verdict verdict_after(const struct verdict_rules *rules, struct verdict_past *past,
                             enum verdict_attempt attempt, uint64_t now_ms);

/* Before an attempt: VERDICT_AGAIN where it is to be made, VERDICT_GIVE_UP where the event has
 * become too old while it waited. */
struct verdict verdict_before(const struct verdict_rules *rules, const struct verdict_past *past,
                              uint64_t now_ms);

#endif

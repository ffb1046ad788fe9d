/* Plans of gradual shifts: which share of an alias its new version has, and for how long, until it
 * has all. Pure: the driver (control/shift.h) brings the time and what the alarms say.
 *
 *     canary p, i        p % at once, 100 % after i
 *     linear p, i        p %, 2p %, 3p %, ... one step each i; the last is cut to 100 %
 *     all at once        100 % at once
 *     steps              any weights, each with its own hold; then 100 %
 *
 * Any thread. */
#ifndef WEIR_CONTROL_PLAN_H
#define WEIR_CONTROL_PLAN_H

#include <stdbool.h>
#include <stdint.h>

enum { PLAN_STEPS_MAX = 256, PLAN_MINUTES_MAX = 2880 };

enum plan_kind { PLAN_ALL_AT_ONCE, PLAN_CANARY, PLAN_LINEAR };

/* As AWS's form says it. */
struct plan_rule {
    enum plan_kind kind;
    uint32_t percent; /* of a canary and of a linear plan */
    uint32_t minutes; /* from one step to the next */
};

/* The configurations that are always there. */
struct plan_builtin {
    const char *name;
    struct plan_rule rule;
};
enum { PLAN_BUILTINS = 9 };
extern const struct plan_builtin plan_builtins[PLAN_BUILTINS];
/* That of a deployment group which names none. */
extern const char plan_default[];

/* NULL where the name is of none of them. */
const struct plan_rule *plan_find(const char *name);

/* NULL, or what is wrong: a sentence. */
const char *plan_check(const struct plan_rule *rule);

struct plan_step {
    uint32_t weight;  /* of the target version, in billionths */
    uint64_t hold_ms; /* before the next step */
};

/* The last step has all the weight. */
struct plan {
    int nr;
    struct plan_step steps[PLAN_STEPS_MAX];
};

/* The plan of a rule that plan_check finds right; minute_ms is as long as a minute lasts. */
void plan_make(struct plan *plan, const struct plan_rule *rule, uint64_t minute_ms);

/* For plans of steps: begin with nr 0, add each, then close, which adds the last one where it is
 * missing. 0, or -1 where there are too many. */
int plan_add(struct plan *plan, uint32_t weight, uint64_t hold_ms)
    __attribute__((warn_unused_result));
int plan_close(struct plan *plan) __attribute__((warn_unused_result));

/* What the next decision depends on. */
struct plan_figures {
    int step;         /* in force; -1: none yet */
    uint64_t held_ms; /* for so long */
    bool is_held;     /* an alarm that has no data wants no further step */
};

struct plan_next {
    bool is_due;      /* put step in force now */
    int step;         /* the next one; plan->nr: there is none */
    uint32_t weight;  /* its weight */
    uint64_t wait_ms; /* where it is not due: for the hold to end; 0: for data */
};

struct plan_next plan_next(const struct plan *plan, const struct plan_figures *figures);

#endif

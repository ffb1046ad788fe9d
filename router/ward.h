/* What a canary may still do: each version of an alias but the first, where the alias has a budget
 * of failures or a guard (docs/budget.md).
 *
 * Budget of K: an invocation takes one of K units before it is forwarded; one that goes well gives
 * it back, one that fails keeps it. So never more than K fail, however many run at a time, and
 * where few run at a time none has to do without a unit. What finds none runs on the first version.
 *
 *     K = units that are free + invocations in flight + invocations that have failed
 *
 * Guard: the e-value of experiment/guard.h over the errors of the canary and of the first version.
 *
 * A ward goes from table to table with its version, as long as that has weight: other weights, a
 * reload and another K change nothing in it, nor does a restart (router/wardbook.h). A version that
 * comes back from no weight begins anew; until then its last ward is shown as it ended.
 *
 * Threads: any, for what is drawn from a target that is held; ward_join and ward_leave as
 * target_join. The mutex is held for a few additions, and only where something has failed. */
#ifndef WEIR_ROUTER_WARD_H
#define WEIR_ROUTER_WARD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/str.h"
#include "experiment/guard.h"

struct target;
struct wardbook;
struct wardbook_slot;

enum ward_cause { WARD_FINE, WARD_BUDGET, WARD_GUARD };

struct ward {
    _Atomic uint32_t refs;
    _Atomic uint32_t used;   /* units that are not free */
    _Atomic uint32_t failed; /* invocations, ever */
    _Atomic uint32_t cause;  /* enum ward_cause; it is set once, by what takes the canary back */
    _Atomic uint32_t due;    /* the same, of a process before this one: to be taken back */
    struct wardbook *book;
    struct wardbook_slot *slot; /* where it all stands as well; NULL: it ends with the process */
    pthread_mutex_t lock;       /* of the next two, and of what the slot says of them */
    struct guard guard;
    uint32_t nr_errors, nr_first_errors; /* that the guard has seen */
    STAILQ_ENTRY(ward) link;             /* of those that are to be taken back */
    struct str function, alias, version; /* behind the struct */
};

/* Of one target. */
struct wards {
    uint32_t failures; /* the budget; 0: none */
    double alpha;      /* the guard's; 0: none */
    int nr;            /* wards; those of versions with weight come first */
    int nr_active;
    struct ward_place {
        struct ward *ward; /* counted */
        int arm;           /* of the target; -1: it has no weight now */
        double share;      /* of what it and the first version get */
    } list[];
};

/* Gives a target whose arms and terms are set its wards: its predecessor's (NULL: none) of the same
 * versions, else new ones. None where the alias has neither budget nor guard. 0, or -1 when out of
 * memory. book: where they are kept, and where those of the process before are found; or NULL. */
int ward_join(struct target *target, const struct target *before, struct wardbook *book)
    __attribute__((warn_unused_result));
void ward_leave(struct target *target);

enum ward_answer {
    WARD_MAY,   /* it may run; end it with one of the next two */
    WARD_DEFER, /* it is to run on the first version */
    WARD_RECALL /* the same; and the caller has the ward taken back */
};

/* The ward of an arm; NULL: it is none of a canary. */
struct ward *ward_of(const struct wards *wards, int arm);

enum ward_answer ward_take(const struct wards *wards, struct ward *ward);

/* It went well, or never ran there, or its client has left. */
void ward_give(struct ward *ward);

/* It has failed. True where that takes it back: the caller sees to it, before it is answered. */
bool ward_spend(const struct wards *wards, struct ward *ward) __attribute__((warn_unused_result));

/* An error of the arm, for the guard: of an invocation that was drawn by the target's weights. The
 * ward that is to be taken back for it, else NULL. */
struct ward *ward_error(const struct wards *wards, int arm) __attribute__((warn_unused_result));

/* Was a version that has left the target taken back, and has not come again since? */
bool ward_is_taken_back(const struct wards *wards, struct str version);

struct ward_figures {
    uint32_t failed, nr_errors, nr_first_errors;
    double log_evalue; /* natural */
};

struct ward_figures ward_figures(struct ward *ward);

struct ward *ward_ref(struct ward *ward);
/* Ends the reference and clears the pointer; the last one frees. */
void ward_unref(struct ward **ward);

#endif

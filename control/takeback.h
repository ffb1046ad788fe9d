/* Takes canaries back whose budget is used up, or whose guard says that they fail more often
 * (router/ward.h): the alias becomes its first version alone, by an ordinary change, durable and
 * with another RevisionId. No invocation has gone to the canary since the failure that did it.
 *
 * Control thread. */
#ifndef WEIR_CONTROL_TAKEBACK_H
#define WEIR_CONTROL_TAKEBACK_H

#include "control/api.h"
#include "control/change.h"
#include "router/ward.h"

enum { TAKEBACK_TEXT = 256 };

/* One that is being taken back; the strings are valid for the call. */
struct takeback {
    struct str function, alias, version; /* version: the canary */
    struct str first;                    /* the version that has all from now on */
    enum ward_cause cause;
    /* A sentence without full stop that begins with "budget" or "guard" and has the figures. */
    char text[TAKEBACK_TEXT];
};

/* Somebody who has to know of it: what shifts the alias. Both may be NULL. */
struct takeback_listener {
    void *context;
    /* In the turn of the change that takes it back, before that is submitted: it may add rows of
     * its own to the change, and keep what it likes in the change's state. It may be called again
     * for the same one, as a turn may start anew. */
    void (*begins)(void *context, const struct takeback *takeback, struct change *change);
    /* is_done: the alias is so on every worker. Else there was nothing to do any more. */
    void (*over)(void *context, const struct takeback *takeback, struct change *change,
                 bool is_done);
};

struct takebacks {
    const struct api_hooks *hooks;
    struct takeback_listener listener;
    LIST_HEAD(, takeback_work) running;
    /* One that was begun has come to its end, whatever that is, or could not be written at once. */
    void (*ended)(void *context);
    void *context;
};

/* hooks outlive it. */
void takeback_init(struct takebacks *takebacks, const struct api_hooks *hooks,
                   void (*ended)(void *context), void *context);
/* The change engine has been freed. */
void takeback_fini(struct takebacks *takebacks);

/* Takes the ward's reference over; ended is called later, never from within this call. */
void takeback_begin_take(struct takebacks *takebacks, struct ward **ward);

/* Now and then: those that could not be written are tried again. */
void takeback_tend(struct takebacks *takebacks);

/* What a takeback says of a ward. */
void takeback_describe(struct takeback *out, struct ward *ward, const struct target *target);

#endif

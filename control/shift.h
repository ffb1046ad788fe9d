/* The driver of gradual shifts: takes deployments from their making to their end. Each step is an
 * ordinary change of the alias (control/change.h), stored in one transaction with the deployment's
 * own row, so that no crash can part them.
 *
 *     Created --begin--> hook before --> step, hold, step, ... 100 % --> hook after --> Succeeded
 *                           \-- Failed, Stopped ---(rule of rollback)---> a deployment that writes
 *                                                                         the old version back
 *
 * Every move is made in a turn of the change engine: it reads what is in force, checks that nobody
 * else has had a hand in it, and submits what is to be. Between moves shift_turn looks whether one
 * is due. Control thread. */
#ifndef WEIR_CONTROL_SHIFT_H
#define WEIR_CONTROL_SHIFT_H

#include "control/api.h"
#include "control/change.h"
#include "control/ledger.h"

/* How many deployments of an alias ended, and how; for weir_deployments_total. */
struct shift_count {
    char function[APPSPEC_FUNCTION_MAX + 1], alias[INVOKE_QUALIFIER_MAX + 1];
    uint64_t ended[DEPLOYMENT_STATUS_COUNT]; /* of the last three */
};

/* A version that is looked at again in a change of weir's own (control/publish.h). */
struct shift_publication {
    LIST_ENTRY(shift_publication) link;
    char function[APPSPEC_FUNCTION_MAX + 1];
    char version[APPSPEC_VERSION_MAX + 1];
};
LIST_HEAD(shift_publications, shift_publication);

struct shifts {
    const struct api_hooks *hooks;
    struct ledger ledger;
    struct shift_publications publications; /* that wait for their turn */
    struct shift_count *counts;
    size_t nr_counts;
    bool is_over;
};

/* hooks outlive it. Reads the store, and waits for the disk. NULL with a reason. */
struct shifts *shift_make(const struct api_hooks *hooks, struct store *store,
                          struct store_reason *reason);
/* Nothing begins any more, no errand is over. Clears the pointer, which may be NULL. */
void shift_free(struct shifts **shifts);

/* Begins the moves that are due. In so many ms it wants to be called again; UINT64_MAX: when
 * hooks->shifts_soon asks for it. */
uint64_t shift_turn(struct shifts *shifts);

/* ---- Moves, for operations of the API: in the turn of a change ------------------------------- */

/* One move of one deployment, and perhaps another deployment that begins with it. */
struct shift_move {
    struct shifts *shifts;
    struct deployment *deployment;
    struct deployment_state next;
    bool is_made; /* there is something to do */
    bool has_alias;
    char first[APPSPEC_VERSION_MAX + 1], second[APPSPEC_VERSION_MAX + 1];
    uint32_t weight;          /* of second */
    struct deployment *other; /* owned until it has come into the ledger */
    /* One that ended long ago goes with it, as the store keeps so many; "": none. */
    char surplus[DEPLOYMENT_ID + 1];
};

/* Ends a deployment that runs. is_rollback: another deployment takes it back. */
void shift_stop(struct shift_move *move, struct shifts *shifts, struct deployment *deployment,
                bool is_rollback);
/* Its budget or guard has taken the alias back (control/takeback.h): it ends, and there is
 * nothing to roll back. */
void shift_taken_back(struct shift_move *move, struct shifts *shifts, struct deployment *deployment,
                      const char *message);
/* What a hook has said. message NULL: it was the API that said it. */
void shift_report(struct shift_move *move, struct shifts *shifts, struct deployment *deployment,
                  enum appspec_hook hook, bool is_success, const char *message);

/* Does the rule of a deployment have this event? */
bool shift_rule_has(const struct deployment *deployment, const char *event);

/* Submits a move that is made, and after CHANGE_DONE takes it over. move outlives the change, or is
 * in its state. */
void shift_submit(struct shift_move *move, struct change *change, change_done_fn *done);
void shift_take(struct shift_move *move, const struct change_result *result);
void shift_move_fini(struct shift_move *move);

#endif

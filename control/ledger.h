/* The applications, deployment groups and deployments that there are, as the store has them: what
 * CodeDeploy's API lists. A change of one is an entry of struct ledger_edits: its row goes to the
 * store with the change (change_keep), and the ledger follows once that is done.
 *
 * Control thread. */
#ifndef WEIR_CONTROL_LEDGER_H
#define WEIR_CONTROL_LEDGER_H

#include <jansson.h>
#include <sys/queue.h>

#include "base/prng.h"
#include "control/change.h"
#include "control/deployment.h"
#include "store/store.h"

/* MACHINE_ALIAS: of a state machine, {created, updated}: its application is the machine. CONFIG: of
 * a deployment configuration that the API has made, {createTime}; its plan is the table's. */
enum ledger_kind { LEDGER_APPLICATION, LEDGER_GROUP, LEDGER_MACHINE_ALIAS, LEDGER_CONFIG };

/* What must end with the ledger at the latest: end is called by ledger_fini. */
struct ledger_guest {
    LIST_ENTRY(ledger_guest) link;
    void (*end)(struct ledger_guest *guest);
};

struct ledger {
    json_t *applications;    /* by name */
    json_t *groups;          /* by application, then by name */
    json_t *machine_aliases; /* by machine, then by name */
    json_t *configs;         /* by name */
    json_t *enlisted;        /* control/sfn_enlist.h; not stored */
    LIST_HEAD(, ledger_guest) guests;
    double began_s;                 /* when it was opened */
    json_t *alarms;                 /* manual ones that are set, by name */
    struct deployments deployments; /* the newest first */
    struct deployments gone;        /* by others */
    uint64_t nr_deployments, last_serial;
    struct prng rng;
};

/* Reads all rows. Waits for the disk: for the start. 0, or -1 with a reason. ledger_fini ends it in
 * either case. */
int ledger_open(struct ledger *ledger, struct store *store, struct store_reason *reason)
    __attribute__((warn_unused_result));
void ledger_fini(struct ledger *ledger);

/* Is it a kind of rows that the ledger has? */
bool ledger_has_kind(const char *kind);
/* What another member of a fleet has changed (store_watch). A deployment that there is stays where
 * it is; one that goes lives on until ledger_fini, for those that may hold it. */
void ledger_follow(struct ledger *ledger, const struct store_edit *edit);

/* Borrowed; NULL where there is none. */
json_t *ledger_application(const struct ledger *ledger, const char *name);
json_t *ledger_group(const struct ledger *ledger, const char *application, const char *name);
json_t *ledger_machine_alias(const struct ledger *ledger, const char *machine, const char *name);
json_t *ledger_config(const struct ledger *ledger, const char *name);
struct deployment *ledger_deployment(const struct ledger *ledger, const char *id);

/* By their ids; NULL where they are gone. */
json_t *ledger_application_by(const struct ledger *ledger, const char *id);
json_t *ledger_group_by(const struct ledger *ledger, const char *application, const char *id);

/* The deployment of a group that has not ended, the oldest of them; NULL: none. */
struct deployment *ledger_active(const struct ledger *ledger, const char *group_id);

/* Gives the info of a new deployment of the group the last revision that has succeeded. */
void ledger_add_previous(const struct ledger *ledger, const char *group_id, json_t *info);

/* An id that no deployment has. */
void ledger_new_id(struct ledger *ledger, char out[DEPLOYMENT_ID + 1]);
/* A UUID, terminated. */
void ledger_new_uuid(struct ledger *ledger, char out[ID_LENGTH + 1]);
uint64_t ledger_new_serial(struct ledger *ledger);

/* From its making on the ledger has it. */
void ledger_add_take(struct ledger *ledger, struct deployment *deployment);

/* The oldest deployment that has ended and that nobody waits for, where there are more than
 * LEDGER_DEPLOYMENTS_MAX that have: it is to go. NULL: none. */
enum { LEDGER_DEPLOYMENTS_MAX = 1000 };
struct deployment *ledger_surplus(const struct ledger *ledger);
/* It goes; its row has (ledger_drop_deployment). Clears the pointer. */
void ledger_remove(struct ledger *ledger, struct deployment **deployment);

/* ---- Changes --------------------------------------------------------------------------------- */

enum { LEDGER_EDITS_MAX = 512 };

struct ledger_edit {
    enum ledger_kind kind;
    char *application, *name; /* name "" of an application, and of a configuration */
    json_t *document;         /* NULL: it goes */
};

/* Zeroed is empty. */
struct ledger_edits {
    struct ledger_edit *list;
    int nr;
    bool is_short; /* memory ran out */
};

/* document: a reference that is taken, or NULL. */
void ledger_edits_add(struct ledger_edits *edits, enum ledger_kind kind, const char *application,
                      const char *name, json_t *document);
/* Before change_submit: hands the rows to the change. */
void ledger_edits_keep(struct ledger_edits *edits, struct change *change);
/* Once they are stored. */
void ledger_edits_apply(struct ledger_edits *edits, struct ledger *ledger);
void ledger_edits_fini(struct ledger_edits *edits);

/* A deployment's row with this state. 0, or -1 when out of memory. */
int ledger_keep_deployment(struct change *change, const struct deployment *deployment,
                           const struct deployment_state *state)
    __attribute__((warn_unused_result));
/* No row of it any more. */
void ledger_drop_deployment(struct change *change, const struct deployment *deployment);

#endif

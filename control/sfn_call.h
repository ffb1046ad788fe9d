/* One call of Step Functions' API: what was asked, and what is answered. Each resource's file
 * (sfn_machine.c, sfn_version.c, sfn_alias.c, ...) has its operations; sfn.c knows which of them a
 * request means.
 *
 * An operation that reads answers at once. One that writes runs in its turn (control/change.h): it
 * fails, or sets answer and one edit, and calls sfn_call_submit. One that runs (executions) is
 * called with the waiter, answers or keeps what it needs, and says which: the call itself ends when
 * it returns.
 * All that fails leaves is_over set, after which the other functions do nothing. Control thread. */
#ifndef WEIR_CONTROL_SFN_CALL_H
#define WEIR_CONTROL_SFN_CALL_H

#include <jansson.h>
#include <stdbool.h>

#include "control/api.h"
#include "control/change.h"
#include "control/lambda_check.h"
#include "control/ledger.h"
#include "control/sfn_arn.h"

struct sfn_call;
typedef void sfn_step(struct sfn_call *call);
typedef enum api_outcome sfn_run(struct sfn_call *call, struct api_waiter *waiter);

struct sfn_operation {
    const char *name;
    sfn_step *read, *write; /* one of the three is set */
    sfn_run *run;
    /* Of one that writes, before its turn is asked for; answers API_NOT_MINE where there is nothing
     * to be done first (control/sfn_enlist.h). NULL: never. */
    enum api_outcome (*before)(struct sfn_call *call, struct api_waiter *waiter, change_fn *turn);
};

struct sfn_call {
    const struct sfn_operation *operation;
    const struct api_hooks *hooks;
    const struct api_request *request;
    struct api_response *out;
    struct change *change; /* of an operation that writes; else NULL */
    json_t *body;          /* owned */
    json_t *answer;        /* owned; of one that writes, for its end. NULL: {} */
    struct lambda_check check;
    struct ledger *ledger;
    struct ledger_edits edits; /* dates of aliases */
    /* What is to change; sfn_call_submit takes the document. */
    struct change_edit edit;
    char function[MACHINE_BYTES_MAX + 1], alias[MACHINE_ALIAS_MAX + 1]; /* for the edit */
    char *enlisted; /* what the ledger has of it from an engine; NULL: nothing */
    bool is_over;   /* it has been answered */
};

void sfn_call_fini(struct sfn_call *call);

/* 400 with __type and message. type lasts as long as the process. */
void sfn_call_fail(struct sfn_call *call, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* ValidationException with a member "reason". */
void sfn_call_fail_reason(struct sfn_call *call, const char *reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sfn_call_fail_memory(struct sfn_call *call);

/* Takes the answer; NULL: out of memory. */
void sfn_call_answer_take(struct sfn_call *call, json_t *answer);
void sfn_call_answer_empty(struct sfn_call *call);

/* ---- Members --------------------------------------------------------------------------------- */

/* Borrowed; NULL where it is absent or null. Of another type: fails. JSON_TRUE stands for both
 * booleans. */
json_t *sfn_call_member(struct sfn_call *call, const json_t *object, const char *name,
                        json_type type);
const char *sfn_call_text(struct sfn_call *call, const char *name);
/* Adds to check that a member that the model requires is not there. */
void sfn_call_require(struct sfn_call *call, const void *value, const char *member);
/* After all was read: true where it is over, or check has anything, which is then answered. */
bool sfn_call_is_wrong(struct sfn_call *call) __attribute__((warn_unused_result));

/* The member's ARN; false where it fails. kinds: those that may be, as bits 1 << SFN_ARN_x. */
bool sfn_call_arn(struct sfn_call *call, const char *member, unsigned kinds, struct sfn_arn *out)
    __attribute__((warn_unused_result));

/* ---- What there is --------------------------------------------------------------------------- */

struct table *sfn_call_table(const struct sfn_call *call);
/* The machine that the ARN names, in force; NULL where there is none: then fails with
 * StateMachineDoesNotExist and the ARN as it came. */
struct function *sfn_call_machine(struct sfn_call *call, const struct sfn_arn *arn);
/* What the ARN names: the machine's current revision, a version or an alias. Else fails so, too. */
struct target *sfn_call_target(struct sfn_call *call, const struct sfn_arn *arn);
/* The target of a machine's current revision: $LATEST, or where only the table file made it and has
 * none, its highest version. */
struct target *sfn_call_current(const struct sfn_call *call, const struct function *machine);

/* ---- Pages ----------------------------------------------------------------------------------- */

/* maxResults (0: all of 100) and nextToken; what is wrong is added to check, or fails. */
struct sfn_page {
    size_t max;
    char after[MACHINE_BYTES_MAX + 1]; /* the last item of the page before; "" */
};

void sfn_call_page(struct sfn_call *call, struct sfn_page *page);
/* Answers {member: items, nextToken}. names[i] is what stands for item i in a token, in the list's
 * order; takes items. */
void sfn_call_page_take(struct sfn_call *call, const struct sfn_page *page, const char *member,
                        json_t *items, json_t *names);

/* ---- Changing -------------------------------------------------------------------------------- */

/* The machine as a document (conf/tabledoc_function.h): a new reference, or NULL: failed. */
json_t *sfn_call_document(struct sfn_call *call, const struct function *machine);

/* The machine becomes this document (NULL: it goes); takes it. */
void sfn_call_submit_machine(struct sfn_call *call, struct str function, json_t *document);
/* Its alias does. */
void sfn_call_submit_alias(struct sfn_call *call, struct str function, const char *alias,
                           json_t *document);

double sfn_call_now_s(void);
json_int_t sfn_call_now_ms(void);

#endif

/* One call of CodeDeploy's API: what was asked, and what is answered. Each resource's file
 * (codedeploy_application.c, codedeploy_group.c, ...) has its operations; codedeploy.c knows which
 * of them a request means.
 *
 * An operation that reads answers at once. One that writes runs in its turn (control/change.h): it
 * fails, or sets answer, adds edits of the ledger or makes a move, and calls
 * codedeploy_call_submit.
 * All that fails leaves is_over set, after which the other functions do nothing. Control thread. */
#ifndef WEIR_CONTROL_CODEDEPLOY_CALL_H
#define WEIR_CONTROL_CODEDEPLOY_CALL_H

#include <jansson.h>
#include <stdbool.h>

#include "control/api.h"
#include "control/change.h"
#include "control/ledger.h"
#include "control/shift.h"

struct codedeploy_call;
typedef void codedeploy_step(struct codedeploy_call *call);

struct codedeploy_operation {
    const char *name;
    codedeploy_step *handle;
    bool is_write;
};

/* NAMES_MAX: of applications and groups in a batch. PAGE: entries of a list's page. */
enum { CODEDEPLOY_NAME_MAX = 100, CODEDEPLOY_PAGE = 100, CODEDEPLOY_BATCH_MAX = 25 };

struct codedeploy_call {
    const struct codedeploy_operation *operation;
    const struct api_hooks *hooks;
    const struct api_request *request;
    struct api_response *out;
    struct change *change; /* NULL: the operation only reads */
    struct ledger *ledger;
    json_t *body;   /* owned */
    json_t *answer; /* owned; of one that writes, for its end. NULL: an empty answer */
    struct ledger_edits edits;
    /* Of the table; name NULL: none. codedeploy_call_submit takes its document. */
    struct change_edit edit;
    struct shift_move move;     /* is_made: submitted with the edits */
    struct deployment *created; /* owned until it has come into the ledger */
    bool is_over;               /* it has been answered */
};

void codedeploy_call_fini(struct codedeploy_call *call);

/* 400 with __type and message. type lasts as long as the process. */
void codedeploy_call_fail(struct codedeploy_call *call, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void codedeploy_call_fail_memory(struct codedeploy_call *call);

/* Takes the answer; NULL: out of memory. */
void codedeploy_call_answer_take(struct codedeploy_call *call, json_t *answer);
void codedeploy_call_answer_empty(struct codedeploy_call *call);

/* ---- Members --------------------------------------------------------------------------------- */

/* Borrowed; NULL where it is absent or null. Of another type: fails. */
json_t *codedeploy_call_member(struct codedeploy_call *call, const json_t *object, const char *name,
                               json_type type);
const char *codedeploy_call_text(struct codedeploy_call *call, const json_t *object,
                                 const char *name);
/* -1 where it is absent, 0 or 1. */
int codedeploy_call_flag(struct codedeploy_call *call, const json_t *object, const char *name);
/* The texts of a list; checks that they are texts. */
json_t *codedeploy_call_texts(struct codedeploy_call *call, const json_t *object, const char *name);

/* The exceptions of a kind of name. */
struct codedeploy_call_kind {
    const char *required, *invalid;
};

extern const struct codedeploy_call_kind codedeploy_call_kind_application;
extern const struct codedeploy_call_kind codedeploy_call_kind_group;
extern const struct codedeploy_call_kind codedeploy_call_kind_config;

/* Is it a name of 1 to 100 letters, digits and . _ + = , @ -? */
bool codedeploy_call_is_name(const char *name);

/* The application that the body names, and the group; NULL where it fails. */
json_t *codedeploy_call_application(struct codedeploy_call *call);
json_t *codedeploy_call_group(struct codedeploy_call *call, const char *member);
/* A name from the body; NULL where it fails, with its kind's exceptions. */
const char *codedeploy_call_name(struct codedeploy_call *call, const char *member,
                                 const struct codedeploy_call_kind *kind);

/* Platform Lambda, or nothing said: else fails. */
void codedeploy_call_platform(struct codedeploy_call *call);

/* ---- Pages ----------------------------------------------------------------------------------- */

/* Answers {member: the names behind nextToken, nextToken}; takes the list of texts, in order. more:
 * merged into the answer, taken; may be NULL. */
void codedeploy_call_page_take(struct codedeploy_call *call, const char *member, json_t *names,
                               json_t *more);

/* ---- Changing -------------------------------------------------------------------------------- */

void codedeploy_call_submit(struct codedeploy_call *call);

/* The ARN of an application, or a group. */
enum { CODEDEPLOY_ARN_MAX = 512 };
void codedeploy_call_arn(const struct codedeploy_call *call, const char *application,
                         const char *group, char out[CODEDEPLOY_ARN_MAX]);

double codedeploy_call_now_s(void);

#endif

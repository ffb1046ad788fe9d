/* A call of Step Functions' API that waits for an execution: what of it is needed for the answer.
 * Control thread. */
#ifndef WEIR_CONTROL_SFN_ASKED_H
#define WEIR_CONTROL_SFN_ASKED_H

#include "control/execution.h"
#include "control/sfn_call.h"

struct sfn_engine_wait;

struct execution_asked {
    struct execution_wait wait; /* first */
    struct api_waiter *waiter;
    const struct api_hooks *hooks;
    /* Fills in the answer. */
    void (*answer)(struct execution_asked *asked, const struct execution_told *told,
                   struct sfn_call *call);
    /* Before that, where it is EXECUTION_OK: true where an engine is asked (control/sfn_engine.h),
     * whose answer is the call's. NULL: no. */
    bool (*go_on)(struct execution_asked *asked, const struct execution_told *told);
    struct sfn_engine_wait *engine; /* it is asked */
    /* Called where engine is set: the call goes away. */
    void (*forget)(struct execution_asked *asked);
    json_t *body; /* owned; the call's, for an engine; or NULL */
    char *arn;    /* owned: as it came */
    char *input;  /* owned; NULL: none */
    size_t input_bytes;
    uint32_t max; /* of a page */
    uint64_t after;
    bool is_reverse, has_no_data, is_other_token;
    char machine[MACHINE_BYTES_MAX + 1]; /* of a list; bare */
};

/* For this call; NULL when out of memory, and then it has failed. */
struct execution_asked *
sfn_asked_make(struct sfn_call *call, struct api_waiter *waiter, const char *arn,
               void (*answer)(struct execution_asked *asked, const struct execution_told *told,
                              struct sfn_call *call));

/* After the execution_... call that was to have it told: API_LATER where result is EXECUTION_OK,
 * else it is answered now. */
enum api_outcome sfn_asked_result(struct execution_asked *asked, struct sfn_call *call,
                                  enum execution_result result);

/* For who is told otherwise: answers, and frees it. */
void sfn_asked_tell(struct execution_asked *asked, const struct execution_told *told);

/* Gives the answer, and frees it. */
void sfn_asked_over(struct execution_asked *asked, struct api_response *response);

/* For api_forget. */
void sfn_asked_forget(struct api_waiter *waiter);

/* ---- What answers have in common ---- */

/* Fails for all results but EXECUTION_OK; true where it has. */
bool sfn_asked_fail(struct execution_asked *asked, const struct execution_told *told,
                    struct sfn_call *call) __attribute__((warn_unused_result));

/* Sets the members of the execution that name things: executionArn, stateMachineArn, name, and the
 * version's and the alias' ARNs where it was started by them. */
void sfn_asked_set_names(const struct sfn_call *call, json_t *object,
                         const struct store_execution *execution);
void sfn_asked_set_qualifiers(const struct sfn_call *call, json_t *object,
                              const struct store_execution *execution);
void sfn_asked_set_time(json_t *object, const char *member, uint64_t ms);
/* How often it was redriven in its engine. */
json_int_t sfn_asked_redrives(const struct store_execution *execution);
/* Of bytes that are UTF-8. */
void sfn_asked_set_text(json_t *object, const char *member, const void *bytes, size_t n);

/* The member, a text of at most 262 144 bytes that is JSON; p NULL where it is absent, or fails:
 * with this type and a message that begins with what. */
struct str sfn_asked_json(struct sfn_call *call, const char *member, const char *type,
                          const char *what);

/* A page token; read back by sfn_call_page. */
json_t *sfn_asked_token(uint64_t after);
/* Has the token the form of one of weir's? */
bool sfn_asked_is_token(const char *token);
/* maxResults and nextToken; false where it fails. */
bool sfn_asked_page(struct sfn_call *call, uint32_t *max, uint64_t *after)
    __attribute__((warn_unused_result));

#endif

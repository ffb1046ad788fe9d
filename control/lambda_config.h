/* What CreateFunction and UpdateFunctionConfiguration may say of a version: checked by the API's
 * model, and put into the version of the table document (timeout_ms, and the rest into
 * configuration under Lambda's names). Control thread. */
#ifndef WEIR_CONTROL_LAMBDA_CONFIG_H
#define WEIR_CONTROL_LAMBDA_CONFIG_H

#include "control/lambda_call.h"

/* Adds what is wrong with the body's members to call->check. */
void lambda_config_check(struct lambda_call *call);

/* After lambda_call_is_wrong: what the model does not say. False: answered. */
bool lambda_config_fits(struct lambda_call *call) __attribute__((warn_unused_result));

/* Puts the body's members into the version; members that it leaves out stay. 0, or -1 when out of
 * memory. */
int lambda_config_put(const json_t *body, json_t *version) __attribute__((warn_unused_result));

/* DeadLetterConfig.TargetArn as the function's dead_letter: a function's ARN, or a URL. False:
 * answered. */
bool lambda_config_put_dead_letter(struct lambda_call *call, json_t *document)
    __attribute__((warn_unused_result));

/* Architectures, of CreateFunction and UpdateFunctionCode. */
void lambda_config_check_architectures(struct lambda_call *call);

/* The version's member configuration, made if it is not there; NULL when out of memory. */
json_t *lambda_config_of(json_t *version);

/* configuration.LastModified becomes now. 0, or -1 when out of memory. */
int lambda_config_touch(json_t *version) __attribute__((warn_unused_result));

#endif

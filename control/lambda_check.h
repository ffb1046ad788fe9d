/* Gathers the mistakes in the members of a Lambda API call into one message, in Lambda's words:
 * "2 validation errors detected: ...; ...". Control thread. */
#ifndef WEIR_CONTROL_LAMBDA_CHECK_H
#define WEIR_CONTROL_LAMBDA_CHECK_H

#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"
#include "control/api.h"
#include "router/invoke.h"

/* Zero-initialised is "nothing wrong". */
struct lambda_check {
    int nr;
    size_t n;
    char text[3072]; /* what does not fit is cut */
};

/* The value of a member does not satisfy a constraint, such as "Member must not be null". */
void lambda_check_add(struct lambda_check *check, struct str value, const char *member,
                      const char *constraint);

/* The path's names, percent-encoded or not. Fills in address and, decoded and terminated, alias
 * where segment is not NULL. */
void lambda_check_names(struct lambda_check *check, struct str function, const struct str *segment,
                        struct invoke_address *address, char alias[INVOKE_QUALIFIER_MAX + 1]);

/* "$LATEST" or digits. */
void lambda_check_version(struct lambda_check *check, struct str version);

/* Keys are versions, values numbers of 0 to 1. */
void lambda_check_weights(struct lambda_check *check, const json_t *weights);

/* True, with a 400 filled in, if anything was wrong. */
bool lambda_check_answer(const struct lambda_check *check, struct api_response *response);

#endif

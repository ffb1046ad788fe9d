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
    char text[4096]; /* what does not fit is cut */
};

/* The value of a member does not satisfy a constraint, such as "Member must not be null". A value
 * whose p is NULL is not there. */
void lambda_check_add(struct lambda_check *check, struct str value, const char *member,
                      const char *constraint);

/* A FunctionName: is_good says whether it has the form, which knows no dots, unlike Invoke's;
 * bytes_max is 64 or 140. */
void lambda_check_function(struct lambda_check *check, const char *text, bool is_good,
                           size_t bytes_max);

/* The name of an alias. */
void lambda_check_alias(struct lambda_check *check, const char *name);

/* A qualifier of the query. */
void lambda_check_qualifier(struct lambda_check *check, const char *qualifier);

/* "$LATEST", "$LATEST.PUBLISHED", which no function has, or digits. */
void lambda_check_version(struct lambda_check *check, struct str version);

/* Keys are versions, values numbers of 0 to 1. */
void lambda_check_weights(struct lambda_check *check, const json_t *weights);

/* A text's length in characters, not bytes; NULL is right. */
void lambda_check_length(struct lambda_check *check, const char *text, const char *member,
                         size_t min, size_t max);

/* A number's range; NULL is right. */
void lambda_check_range(struct lambda_check *check, const json_t *number, const char *member,
                        json_int_t min, json_int_t max);

/* One of some words, "[NONE, AWS_IAM]"; NULL is right. */
void lambda_check_choice(struct lambda_check *check, const char *text, const char *member,
                         const char *words);

/* "1 validation error detected: ..." as JSON can hold it; nothing must be wrong with it
 * otherwise. */
enum { LAMBDA_CHECK_MESSAGE = 4096 + 64 };
void lambda_check_message(const struct lambda_check *check, char message[LAMBDA_CHECK_MESSAGE]);

/* True, with a 400 filled in, if anything was wrong. */
bool lambda_check_answer(const struct lambda_check *check, struct api_response *response);

#endif

/* Filling in responses of the control API. Each sets status, type and body; when memory runs out
 * the status is 503 without a body. Control thread. */
#ifndef WEIR_CONTROL_ANSWER_H
#define WEIR_CONTROL_ANSWER_H

#include <jansson.h>

#include "control/api.h"

void answer_text(struct api_response *out, int status, const char *text);

/* Takes your reference to root; pass NULL to say "out of memory". */
void answer_json(struct api_response *out, int status, json_t *root);

/* Takes a JSON text over from you; pass NULL to say "out of memory". */
void answer_document(struct api_response *out, char *text);

/* {"message": ...} with x-amzn-ErrorType, in the member names of type's family. */
void answer_error(struct api_response *out, int status, const char *type, const char *message);

/* 405 with its Allow, which must be a literal. */
void answer_not_allowed(struct api_response *out, const char *allow, const char *message);

/* Answers 400 with all problems. */
void answer_problems(struct api_response *out, const struct problems *problems);

/* Adds a field; value is a printf format. No more than API_FIELDS_MAX. */
void answer_field(struct api_response *response, const char *name, const char *value, ...)
    __attribute__((format(printf, 3, 4)));

/* [{"code", "file", "path", "message"}, ...]; a new reference, NULL when out of memory. */
json_t *answer_problem_list(const struct problems *problems);

#endif

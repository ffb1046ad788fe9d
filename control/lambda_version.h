/* PublishVersion and ListVersionsByFunction, and what else is done with versions of a function's
 * document. Published versions are copies of $LATEST and never change. */
#ifndef WEIR_CONTROL_LAMBDA_VERSION_H
#define WEIR_CONTROL_LAMBDA_VERSION_H

#include "control/lambda_call.h"
#include "control/lambda_page.h"

lambda_step lambda_version_publish, lambda_version_published;
lambda_step lambda_version_list;

/* Publishes $LATEST in call->document under the next number, and sets call->version to it. Where
 * $LATEST says the same as the last version, that one it is. description: NULL for $LATEST's. 1: a
 * new version; 0: the last one; -1: out of memory. */
int lambda_version_add(struct lambda_call *call, const char *description)
    __attribute__((warn_unused_result));

/* Takes a version away, without letting its number be used again. 0, or -1 when out of memory. */
int lambda_version_remove(json_t *document, const char *version)
    __attribute__((warn_unused_result));

/* The aliases that name the version, with ", " between; false where there is none. */
bool lambda_version_aliases(const json_t *document, const char *version, char *names, size_t size);

/* Adds the function's versions behind the marker to the page, $LATEST first. with_function: their
 * markers are FUNCTION:VERSION. */
void lambda_version_show(struct lambda_call *call, const struct function *function,
                         const char *marker, bool with_function, struct lambda_page *page);

#endif

/* Stage variables as API Gateway has them: names and values of a route, which stand for
 * ${stageVariables.NAME} in what the route leads to. Pure but for jansson. */
#ifndef WEIR_CONF_STAGEVARS_H
#define WEIR_CONF_STAGEVARS_H

#include "conf/jsondoc.h"
#include "router/url_terms.h"

enum { STAGEVARS_MAX = URL_TERMS_VARIABLES_MAX, STAGEVARS_TEXT_MAX = 1024 };

/* Reads an object into list, which has room for STAGEVARS_MAX; adds a problem for each thing that
 * is wrong. The strings are the JSON value's. How many there are. */
int stagevars_read(struct url_terms_variable *list, struct jsondoc *doc, const struct place *at,
                   const json_t *value);

/* Does the text refer to a stage variable? */
bool stagevars_is_used(const char *text);

/* Writes text with values in place of its variables to out. False with a problem added: a variable
 * that is not among those of the object (which may be NULL), a form that is none, or too long. */
bool stagevars_expand(char out[STAGEVARS_TEXT_MAX], struct jsondoc *doc, const struct place *at,
                      const char *text, const json_t *variables)
    __attribute__((warn_unused_result));

/* The object; NULL when out of memory. */
json_t *stagevars_write(const struct url_terms *terms);

#endif

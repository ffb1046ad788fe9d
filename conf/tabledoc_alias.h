/* One alias of the table document, the object below "aliases". */
#ifndef WEIR_CONF_TABLEDOC_ALIAS_H
#define WEIR_CONF_TABLEDOC_ALIAS_H

#include "conf/jsondoc.h"
#include "router/builder.h"

/* Reads and checks an alias, whose name is the place's key; versions is the function's object of versions. If nothing in the document was
 * wrong so far, adds it to the builder's last function. */
void tabledoc_alias_read(struct jsondoc *doc, const struct place *at, const json_t *value,
                         const json_t *versions, struct builder *builder);

/* A new object that tabledoc_alias_read takes for this alias; NULL when out of memory. */
json_t *tabledoc_alias_write(const struct target *target);

#endif

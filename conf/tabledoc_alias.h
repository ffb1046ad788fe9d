/* One alias of the table document, the object below "aliases". */
#ifndef WEIR_CONF_TABLEDOC_ALIAS_H
#define WEIR_CONF_TABLEDOC_ALIAS_H

#include "conf/jsondoc.h"
#include "conf/tabledoc_merge.h"
#include "router/builder.h"

/* Reads and checks an alias, whose name is the place's key; versions is the function's object of
 * versions. If nothing in the document was wrong so far, adds it, or what the merge has in its
 * place, to the builder's last function. */
void tabledoc_alias_read(struct jsondoc *doc, const struct place *at, const json_t *value,
                         const json_t *versions, struct tabledoc_out *out);

/* Reads and checks an alias by the same rules, to put it in force in the place of one of function.
 * at is its place in the table document. arms has room for SPLIT_ARMS_MAX; spec points into it, at
 * and value. 0, or -1 with problems added. */
int tabledoc_alias_spec(struct jsondoc *doc, const struct place *at, const json_t *value,
                        const struct function *function, struct alias_spec *spec,
                        struct arm_spec *arms) __attribute__((warn_unused_result));

/* A new object that tabledoc_alias_read takes for this alias; NULL when out of memory. */
json_t *tabledoc_alias_write(const struct target *target);
json_t *tabledoc_alias_write_spec(const struct alias_spec *spec);

#endif

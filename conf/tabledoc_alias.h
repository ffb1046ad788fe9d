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

/* What a document says of an alias. */
struct tabledoc_alias {
    struct alias_spec spec; /* refers to what follows, to the target and to the document */
    struct arm_spec arms[SPLIT_ARMS_MAX];
    struct alias_terms *terms;    /* counted, NULL: none; as the map */
    struct stickymap *map, *kept; /* kept: that a process before this one left */
};

/* Reads and checks an alias by the same rules, to put it in force in the place of target. at is its
 * place in the table document. 0, or -1 with problems added. Ended by tabledoc_alias_fini in either
 * case. */
int tabledoc_alias_spec(struct jsondoc *doc, const struct place *at, const json_t *value,
                        const struct target *target, struct tabledoc_alias *out)
    __attribute__((warn_unused_result));
void tabledoc_alias_fini(struct tabledoc_alias *alias);

/* A new object that tabledoc_alias_read takes for this alias; NULL when out of memory. */
json_t *tabledoc_alias_write(const struct target *target);
json_t *tabledoc_alias_write_spec(const struct alias_spec *spec);

#endif

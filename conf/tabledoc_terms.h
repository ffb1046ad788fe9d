/* What few aliases of the table document have (router/alias_terms.h), and back: the keys split
 * (where it is sticky), pin, override, audit, experiment, budget and guard of an alias's object. */
#ifndef WEIR_CONF_TABLEDOC_TERMS_H
#define WEIR_CONF_TABLEDOC_TERMS_H

#include "conf/jsondoc.h"
#include "router/alias_terms.h"
#include "router/stickymap.h"

/* The values of the keys; NULL where absent. Borrowed. */
struct tabledoc_terms {
    const json_t *split; /* an object */
    const json_t *pin, *override, *audit, *experiment, *budget, *guard;
};

/* Reads and checks them, for an alias whose place is at, of this function; adds a problem for
 * each thing that is wrong. versions: the function's, by name. *terms and *map, each NULL where
 * nothing is said, get a reference for the caller also where there was a problem. */
void tabledoc_terms_read(struct jsondoc *doc, const struct place *at,
                         const struct tabledoc_terms *said, const json_t *versions,
                         struct str function, struct alias_terms **terms, struct stickymap **map);

/* Adds the keys to an alias's object; map: NULL, or that of a sticky split. 0, or -1 when out of
 * memory. */
int tabledoc_terms_write(const struct alias_terms *terms, const struct stickymap *map,
                         json_t *object) __attribute__((warn_unused_result));

#endif

/* The table file with what the API changed laid over it, function by function. A row of the
 * overlay (out->merge->overlay) that holds says what its thing is; of one that does not, the file's
 * word counts, and the row is lost (tabledoc_merge_lose). */
#ifndef WEIR_CONF_TABLEDOC_OVERLAY_H
#define WEIR_CONF_TABLEDOC_OVERLAY_H

#include "conf/jsondoc.h"
#include "conf/tabledoc_merge.h"
#include "conf/tabledoc_parts.h"

/* As tabledoc_function_read, for a function of the file that has rows. */
void tabledoc_overlay_function(struct jsondoc *doc, const struct place *at, const json_t *value,
                               struct tabledoc_out *out);

/* After the file's functions: those that only the API made. at is that of "functions". The other
 * for the state machines, of which machines has those of the file; NULL: none. */
void tabledoc_overlay_rest(struct jsondoc *doc, const struct place *at,
                           const struct tabledoc_parts *parts, struct tabledoc_out *out);
void tabledoc_overlay_rest_machines(struct jsondoc *doc, const struct place *at,
                                    const json_t *machines, struct tabledoc_out *out);

#endif

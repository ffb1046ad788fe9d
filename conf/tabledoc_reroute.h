/* The table file's routes with those that the API changed laid over them, route by route. As in
 * conf/tabledoc_overlay.h: a row that holds says what its route is; of one that does not, the
 * file's word counts, and the row is lost. */
#ifndef WEIR_CONF_TABLEDOC_REROUTE_H
#define WEIR_CONF_TABLEDOC_REROUTE_H

#include "conf/jsondoc.h"
#include "conf/tabledoc_merge.h"
#include "conf/tabledoc_parts.h"

/* The row of a route of the file; NULL: none, or there is no overlay. */
const struct overlay_row *tabledoc_reroute_find(const struct tabledoc_out *out,
                                                const json_t *value);

/* As tabledoc_route_read, for a route that has a row. */
void tabledoc_reroute_read(struct jsondoc *doc, const struct place *at, const json_t *value,
                           const struct overlay_row *row, struct tabledoc_parts *parts,
                           json_t *seen, struct tabledoc_out *out);

/* After the file's routes, which are nr and in seen: those that only the API made. at is that of
 * "routes". */
void tabledoc_reroute_rest(struct jsondoc *doc, const struct place *at, size_t nr,
                           struct tabledoc_parts *parts, json_t *seen, struct tabledoc_out *out);

#endif

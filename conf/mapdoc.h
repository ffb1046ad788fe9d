/* The map of a sticky split in the table document, and back: an array of pieces in order, each the
 * version and where it ends in percent, such as [["1", 95], ["2", 100]]. */
#ifndef WEIR_CONF_MAPDOC_H
#define WEIR_CONF_MAPDOC_H

#include "conf/jsondoc.h"
#include "router/stickymap.h"

/* Adds a problem for each thing that is wrong. versions: the function's, by name. The map with a
 * reference for the caller; NULL with problems added. */
struct stickymap *mapdoc_read(struct jsondoc *doc, const struct place *at, const json_t *value,
                              const json_t *versions);

/* The map of a text that mapdoc_write made, whatever versions there are now. NULL when out of
 * memory, or where it is none. */
struct stickymap *mapdoc_parse(struct str text);

/* The array that mapdoc_read reads back to the same; NULL when out of memory. */
json_t *mapdoc_write(const struct stickymap *map);

#endif
